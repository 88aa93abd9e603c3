// `ddk demo`: a whole distillation on the text that installation left on the machine, beside two arms without DDK.
import { access, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DdkError, formatBytes, formatDurationMs, Sha256, sha256Hex, writeFileDurable } from '#base';
import { type Run, RunState } from '#proto/ddk/v1/types';
import type { Claim } from '#store';
import { executeRun, placement } from '../commands/run.js';
import { openDataFolder } from '../data-folder.js';
import { lastMeasured, percent, perplexity, ratio, runLine } from '../display/describe-run.js';
import { RunPast } from '../display/run-past.js';
import { table } from '../display/table.js';
import { startEmbedded } from '../embedded.js';
import { finishRun, writeReport } from '../finish.js';
import { storedHistory } from '../history.js';
import { pretrainModel } from '../pretrain/pretrain-model.js';
import type { PretrainSettings } from '../pretrain/settings.js';
import type { Session } from '../session.js';
import { submit } from '../submit.js';
import { requireRoom } from '../user-path.js';
import { PhaseTimes } from './phase-times.js';
import { type Arm, bytesOfAKind, type DemoPlan, demoPlan } from './settings.js';
import { collectText, type DomainText } from './text.js';

const packages = fileURLToPath(new URL('../../../../node_modules', import.meta.url));

/**
 * Collects the text into the demonstration's folder. What was made from other text, or by other settings, is thrown away:
 * its runs could not be continued.
 *
 * @param tell is told why, where that happens
 */
export async function prepareDemonstration(
  data: string,
  fresh: boolean,
  tell: (sentence: string) => void = () => {},
): Promise<readonly DomainText[]> {
  const folder = demoFolder(data);
  await requireRoom({
    path: path.resolve(folder),
    cannot: 'hold the demonstration',
    remedy: 'give another folder with --data',
  });
  if (fresh) await throwAway(data);
  const collect = () => collectText(packages, path.join(folder, 'text'), bytesOfAKind);
  const texts = await collect();
  const stamp = path.join(folder, 'made-from');
  const made = await madeFrom(texts);
  const before = await readFile(stamp, 'utf8').catch(() => made);
  if (before !== made) {
    const [changed, since] = [whatChanged(before, made), await writtenOn(stamp)];
    tell(`${changed} since ${since}, so what was trained then is thrown away and all starts afresh.`);
    await throwAway(data);
    await collect();
  }
  await writeFileDurable(stamp, made);
  return texts;
}

/** Of the text and of everything that is made from it, a line each. */
async function madeFrom(texts: readonly DomainText[]): Promise<string> {
  const sha = new Sha256();
  for (const { file } of texts) sha.update(await readFile(file));
  const { teacher, student, arms } = demoPlan(texts);
  const settings = [teacher, student, arms('teacher', 'student')];
  return `${sha.hex()}\n${sha256Hex(JSON.stringify(settings))}\n`;
}

function whatChanged(before: string, made: string): string {
  return before.split('\n')[0] === made.split('\n')[0]
    ? 'The settings of the demonstration have changed'
    : 'The installed packages, which its text is taken from, have changed';
}

const writtenOn = async (file: string): Promise<string> =>
  (await stat(file)).mtime.toISOString().slice(0, 16).replace('T', ' ');

/** Reuses whatever an earlier, perhaps interrupted, demonstration has finished. */
export function demonstrate(
  session: Session,
  texts: readonly DomainText[],
  plan: DemoPlan = demoPlan(texts),
): Promise<void> {
  return session.data.holding((claim) => holdDemonstration(session, texts, plan, claim));
}

async function holdDemonstration(
  session: Session,
  texts: readonly DomainText[],
  plan: DemoPlan,
  claim: Claim,
): Promise<void> {
  const { data, display } = session;
  const started = performance.now();
  const folder = data.root;
  display.note(
    `text      ${texts.map((t) => `${t.name} ${formatBytes(t.bytes)}`).join(', ')}: from the installed packages, each piece once`,
  );
  const teacher = await trained(session, 'teacher', plan.teacher, folder);
  const student = await trained(session, 'student', plan.student, folder);
  const arms = plan.arms(teacher, student);
  const times = new PhaseTimes();
  const runs = await runArms({ ...session, display: times.watching(display) }, arms, claim);

  const [ddk, ...others] = runs;
  if (!ddk) throw new DdkError('internal', 'the demonstration has no arms');
  const report = await writeReport(data, ddk, data.runFolder('demo-ddk'), others);
  const past = await new RunPast().follow(ddk, storedHistory(data.store));
  const table = comparison(runs, past, arms);
  const took = formatDurationMs(performance.now() - started);
  const measuring = times.measuringShare;
  display.result(
    [
      '',
      table,
      '',
      reading(runs),
      '',
      `report    ${report}`,
      `student   ${path.join(data.runFolder('demo-ddk'), 'student')}   (try: node dist/services/cli/main.js generate ${path.relative(process.cwd(), path.join(data.runFolder('demo-ddk'), 'student'))} --prompt "export interface ")`,
      `took      ${took}${measuring === undefined ? '' : `; measuring gaps ${percent(measuring)} of the time that the runs took`}`,
    ].join('\n'),
    { report, runs, measuringShare: measuring },
  );
}

async function trained(
  session: Session,
  role: string,
  settings: PretrainSettings,
  folder: string,
): Promise<string> {
  const out = path.join(folder, role);
  const done = await access(path.join(out, 'model.safetensors')).then(
    () => true,
    () => false,
  );
  if (done) session.display.note(`${role.padEnd(9)} reused from ${out}`);
  else
    await pretrainModel(session, {
      title: `training the ${role}`,
      out,
      settings,
      provider: 'auto',
      threads: 0,
    });
  return out;
}

/** All arms over one set of services; each is reused, continued or run. */
async function runArms(session: Session, all: readonly [Arm, ...Arm[]], claim: Claim): Promise<Run[]> {
  const { data, display, signal } = session;
  const [first] = all;
  const submissions = [];
  for (const arm of all) submissions.push(await submit(arm.spec, { store: data.store, display, signal }));
  const services = await startEmbedded({
    ...placement(session, first.spec),
    teacher: first.spec.teacher,
    claim,
    takesUp: all.map((arm) => arm.spec.name),
  });
  try {
    const runs: Run[] = [];
    for (const [index, arm] of all.entries()) {
      display.note(`\n${arm.title}`);
      const run = await executeRun(session, services, arm.spec, submissions[index]!);
      if (run.state !== RunState.SUCCEEDED)
        throw new DdkError('failed_precondition', `${arm.spec.name}: ${runLine(run)}`);
      await finishRun(data, run);
      runs.push(run);
    }
    return runs;
  } finally {
    await services.close();
  }
}

function comparison(runs: readonly Run[], past: RunPast, all: readonly Arm[]): string {
  const [ddk] = runs;
  const domains = ddk?.domains ?? [];
  const gapsOf = (run: Run | undefined) => (run && lastMeasured(run)?.gaps) ?? [];
  const { start } = past;
  const cells = (
    losses: (gaps: readonly { studentLoss: number; teacherLoss: number; ratio: number }[]) => string[],
  ) => runs.flatMap((run) => losses(gapsOf(run)));
  const rows = domains.map((domain, d) => [
    domain.name,
    perplexity(gapsOf(ddk)[d]?.teacherLoss ?? Number.NaN),
    perplexity(start[d]?.studentLoss ?? Number.NaN),
    ...cells((gaps) => [perplexity(gaps[d]?.studentLoss ?? Number.NaN), ratio(gaps[d]?.ratio ?? Number.NaN)]),
    percent(past.share(d)),
  ]);
  const mean = (values: readonly number[]) => values.reduce((s, v) => s + v, 0) / values.length;
  const meanRow = [
    'mean loss, worst gap',
    mean(gapsOf(ddk).map((g) => g.teacherLoss)).toFixed(3),
    mean(start.map((g) => g.studentLoss)).toFixed(3),
    ...cells((gaps) => [
      mean(gaps.map((g) => g.studentLoss)).toFixed(3),
      ratio(Math.max(...gaps.map((g) => g.ratio))),
    ]),
    '',
  ];
  return table(
    [
      { title: 'domain (perplexity a byte)', align: 'left' },
      { title: 'teacher', align: 'right' },
      { title: 'student before', align: 'right' },
      ...all.flatMap(({ title }) => [
        { title, align: 'right' as const },
        { title: 'gap', align: 'right' as const },
      ]),
      { title: 'DDK share', align: 'right' },
    ],
    [...rows, meanRow],
  );
}

/** How to read the table, in one sentence that says what came out, whatever it is. */
function reading(runs: readonly Run[]): string {
  const [ddk, kd, ce] = runs.map((run) => {
    const gaps = lastMeasured(run)?.gaps ?? [];
    return {
      mean: gaps.reduce((s, g) => s + g.studentLoss, 0) / gaps.length,
      worst: Math.max(...gaps.map((g) => g.ratio)),
    };
  });
  if (!ddk || !kd || !ce) return '';
  const against = (other: typeof ddk) =>
    `${(ddk.mean - other.mean).toFixed(3)} nats of mean loss and ${(ddk.worst - other.worst).toFixed(3)} of the worst gap`;
  return `gap = student's perplexity / teacher's. At the same number of tokens, DDK less KD with equal sampling: ${against(kd)}; DDK less cross-entropy alone: ${against(ce)} (below 0: DDK is better).`;
}

/** Where the demonstration keeps everything: a data folder of its own inside the user's. */
export const demoFolder = (data: string): string => path.join(data, 'demo');

/** Deletes what earlier demonstrations left. failed_precondition while one is in progress. */
async function throwAway(data: string): Promise<void> {
  const folder = await openDataFolder(demoFolder(data));
  const holder = await folder.holder();
  await folder.close();
  if (holder)
    throw new DdkError(
      'failed_precondition',
      `Process ${holder.pid} is running the demonstration; end it first.`,
    );
  await rm(demoFolder(data), { recursive: true, force: true });
}
