// The demonstration, through the code that `ddk demo` runs, with models and runs of a few steps.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { DdkError, keyedUint32, sha256Hex } from '#base';
import type { Run } from '#proto/ddk/v1/types';
import { openDataFolder } from '../../services/cli/data-folder.js';
import { demonstrate } from '../../services/cli/demo/demo.js';
import { type DemoPlan, demoPlan } from '../../services/cli/demo/settings.js';
import type { DomainText } from '../../services/cli/demo/text.js';
import { lastMeasured } from '../../services/cli/display/describe-run.js';
import type { Display } from '../../services/cli/display/display.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Of those that the demonstration knows: much of two was seen by the student before, little of one, nothing of another. */
const kinds = ['types', 'javascript', 'prose', 'licences'] as const;
const armNames = ['demo-ddk', 'demo-kd-equal', 'demo-ce-only'] as const;

/** The demonstration's own plan with smaller numbers. */
function smallPlan(texts: readonly DomainText[]): DemoPlan {
  const plan = demoPlan(texts);
  const small = {
    hidden: 16,
    layers: 1,
    heads: 2,
    intermediate: 32,
    length: 24,
    batch: 2,
    validationSamples: 2,
  };
  return {
    teacher: { ...plan.teacher, ...small, steps: 6 },
    student: { ...plan.student, ...small, steps: 2 },
    arms: (teacher, student) => {
      const [ddk, kd, ce] = plan.arms(teacher, student);
      const shortened = (arm: typeof ddk): typeof ddk => ({
        ...arm,
        spec: {
          ...arm.spec,
          corpus: { sequenceLength: 24, validationSamples: 2 },
          training: { ...arm.spec.training, intervals: 2, intervalSteps: 3, batchSize: 2 },
        },
      });
      return [shortened(ddk), shortened(kd), shortened(ce)];
    },
  };
}

async function writeTexts(folder: string): Promise<DomainText[]> {
  await mkdir(folder, { recursive: true });
  const words = 'export const the ship came late { } and we read ( ) your letter by a small lamp'.split(' ');
  return Promise.all(
    kinds.map(async (name, kind) => {
      const documents = Array.from({ length: 12 }, (_, i) => {
        const text = Array.from(
          { length: 20 },
          (_, w) => words[keyedUint32(kind, 'test/demo', i, w) % words.length],
        );
        return `${JSON.stringify({ text: text.join(' ') })}\n`;
      });
      const file = join(folder, `${name}.jsonl`);
      // Left alone where it is there: a corpus is found again by its files' names and times.
      await writeFile(file, documents.join(''), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      return { name, file, documents: documents.length, bytes: documents.join('').length };
    }),
  );
}

interface Told {
  readonly notes: string[];
  readonly tasks: string[];
  /** Steps of runs. */
  steps: number;
  text: string;
  data: {
    readonly report: string;
    readonly runs: readonly Run[];
    readonly measuringShare: number | undefined;
  };
}

/** Runs the demonstration in `folder`; ends it as Ctrl-C would at the first step of the run `interruptAt`. */
async function demo(folder: string, interruptAt?: string): Promise<Told> {
  const data = await openDataFolder(join(folder, 'demo'));
  const interrupt = new AbortController();
  const told: Told = {
    notes: [],
    tasks: [],
    steps: 0,
    text: '',
    data: { report: '', runs: [], measuringShare: undefined },
  };
  const display: Display = {
    note: (text) => void told.notes.push(text),
    warn: (text) => void told.notes.push(`warning: ${text}`),
    task(title) {
      told.tasks.push(title);
      return { update: () => {}, end: () => {} };
    },
    run: () => {},
    progress(run, { progress }) {
      if (progress?.$case !== 'step') return;
      told.steps += 1;
      if (run.spec?.name === interruptAt)
        interrupt.abort(new DdkError('cancelled', 'Interrupted by the test.'));
    },
    result(text, result) {
      told.text = text;
      told.data = result as Told['data'];
    },
    close: () => {},
  };
  const { signal } = interrupt;
  const options = {
    data: data.root,
    json: false,
    logLevel: 'error',
    outputClosed: new AbortController().signal,
  };
  const texts = await writeTexts(join(folder, 'text'));
  try {
    const session = { options, display, data, signal, running: async () => undefined };
    await demonstrate(session, texts, smallPlan(texts));
    return told;
  } finally {
    await data.close();
  }
}

const students = (folder: string): Promise<string[]> =>
  Promise.all(
    armNames.map(async (arm) =>
      sha256Hex(await readFile(join(folder, 'demo', 'runs', arm, 'student', 'model.safetensors'))),
    ),
  );

/** The cells of the table's rows by their first one. */
function rowsOf(text: string): Map<string, string[]> {
  const lines = text.split('\n').map((line) => line.split(/ {2,}/));
  return new Map(lines.map(([first = '', ...cells]) => [first, cells]));
}

let folder: string;
/** Of the first time. */
let told: Told;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ddk-demo-'));
  told = await demo(folder);
});
after(() => rm(folder, { recursive: true }));

test('the demonstration trains two models, runs three arms and compares them', async () => {
  assert.deepEqual(
    told.tasks.filter((title) => title.startsWith('training')),
    ['training the teacher', 'training the student'],
  );
  const { runs, report, measuringShare } = told.data;
  assert.deepEqual(
    runs.map((run) => run.spec?.name),
    armNames,
  );

  const rows = rowsOf(told.text);
  let shares = 0;
  for (const [d, kind] of kinds.entries()) {
    const cells = rows.get(kind)!;
    // Teacher, student before; perplexity and gap of each arm; the share of DDK.
    assert.equal(cells.length, 9);
    const gaps = runs.map((run) => lastMeasured(run)!.gaps[d]!);
    assert.equal(cells[0], Math.exp(gaps[0]!.teacherLoss).toFixed(3));
    assert.deepEqual(
      cells.slice(2, 8),
      gaps.flatMap((gap) => [Math.exp(gap.studentLoss).toFixed(3), gap.ratio.toFixed(3)]),
    );
    shares += Number.parseFloat(cells[8]!);
  }
  assert.ok(Math.abs(shares - 100) < 0.3, `the shares of training add up to ${shares} %`);
  assert.doesNotMatch(told.text, /NaN|undefined|–/);
  const losses = runs.map(
    (run) => lastMeasured(run)!.gaps.reduce((sum, gap) => sum + gap.studentLoss, 0) / kinds.length,
  );
  const difference = (other: number): string => (losses[0]! - losses[other]!).toFixed(3);
  assert.ok(told.text.includes(`DDK less KD with equal sampling: ${difference(1)} nats of mean loss`));
  assert.ok(told.text.includes(`DDK less cross-entropy alone: ${difference(2)} nats of mean loss`));
  assert.ok(measuringShare! > 0 && measuringShare! < 1);
  assert.match(told.text, /^took .*; measuring gaps \d+\.\d % of the time that the runs took$/m);

  const html = await readFile(report, 'utf8');
  for (const arm of armNames) assert.ok(html.includes(arm), arm);
  for (const arm of armNames)
    assert.deepEqual((await readdir(join(folder, 'demo', 'runs', arm))).sort(), [
      'metrics.csv',
      'report.html',
      'spec.json',
      'student',
    ]);

  const weights = await students(folder);
  assert.notEqual(weights[1], weights[2]);
});

test('a second time, everything is reused and shown as it was', async () => {
  const weights = await students(folder);
  const teacher = await stat(join(folder, 'demo', 'teacher', 'model.safetensors'));
  const again = await demo(folder);
  assert.deepEqual(again.tasks, []);
  assert.equal(again.steps, 0);
  for (const role of ['teacher', 'student'])
    assert.ok(again.notes.some((note) => note.startsWith(role) && note.includes('reused from')));
  assert.deepEqual(rowsOf(again.text).get('prose'), rowsOf(told.text).get('prose'));
  assert.equal(again.data.measuringShare, undefined);
  assert.deepEqual(await students(folder), weights);
  assert.equal((await stat(join(folder, 'demo', 'teacher', 'model.safetensors'))).mtimeMs, teacher.mtimeMs);
});

test('interrupted in its second arm, the demonstration goes on there and comes to the same', async (t) => {
  const other = await temporaryFolder(t);
  await assert.rejects(demo(other, 'demo-kd-equal'), { code: 'cancelled' });
  const rest = await demo(other);
  assert.deepEqual(
    rest.tasks.filter((title) => title.startsWith('training')),
    [],
  );
  assert.ok(
    rest.notes.some((note) => note.includes('demo-kd-equal was started before; continuing it.')),
    rest.notes.join('\n'),
  );
  assert.ok(rest.steps < told.steps, `${rest.steps} of ${told.steps} steps`);
  assert.deepEqual(await students(other), await students(folder));
});
