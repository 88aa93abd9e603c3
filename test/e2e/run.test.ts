// A whole run through the command line, and every command that looks at what it left.
import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { Sha256 } from '#base';
import { openModel, readParameter } from '#model';
import { decoderParameters } from '#nn';
import { openRuntime } from '#runtime';
import { jsonLines } from '../support/ddk-process.js';
import {
  domainNames,
  resultOf,
  succeeds,
  type TinyWorld,
  tinySteps,
  tinyWorld,
} from '../support/tiny-world.js';

let world: TinyWorld;
/** What `ddk run tiny.yaml --json` said. */
let lines: Record<string, unknown>[];
let weightsDigest: string;

before(async () => {
  world = await tinyWorld();
  const finished = await succeeds(world, ['run', 'tiny.yaml', '--json']);
  lines = jsonLines(finished.stdout);
  weightsDigest = String(resultOf(finished).weightsDigest);
});
after(() => world.remove());

const inRun = (...parts: string[]): string => join(world.folder, '.ddk', 'runs', ...parts);

async function digestOfFolder(folder: string): Promise<string> {
  const { config, weights } = await openModel(folder);
  const sha = new Sha256();
  for (const { name, shape } of decoderParameters(config)) {
    const values = await readParameter(weights, name);
    sha.update(Buffer.from(`${name} ${shape.join('x')}\n`));
    sha.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return `sha256:${sha.hex()}`;
}

test('with --json every line is an object, from the first change of the run to its result', () => {
  const states = lines.flatMap((line) =>
    line.type === 'run' ? [(line.run as { state: string }).state] : [],
  );
  assert.equal(states.at(-1), 'RUN_STATE_SUCCEEDED');
  assert.ok(states.length >= 5, `${states.length} changes`);
  assert.ok(lines.some((line) => line.type === 'progress'));
  assert.equal(lines.filter((line) => line.type === 'result').length, 1);
  assert.match(weightsDigest, /^sha256:[0-9a-f]{64}$/);
});

test('the exported student holds the weights that the run reports', async () => {
  assert.deepEqual((await readdir(inRun('tiny', 'student'))).sort(), [
    'config.json',
    'model.onnx',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  assert.equal(await digestOfFolder(inRun('tiny', 'student')), weightsDigest);
});

test('the exported ONNX takes any batch and any length', async () => {
  const runtime = await openRuntime('binding');
  try {
    const session = await runtime.createSession(inRun('tiny', 'student', 'model.onnx'), {
      provider: 'cpu',
      threads: 1,
    });
    for (const shape of [
      [1, 3],
      [4, 17],
    ]) {
      const data = BigInt64Array.from({ length: shape[0]! * shape[1]! }, (_, i) => BigInt((i * 5) % 257));
      const { logits } = await session.run({ input_ids: { dtype: 'int64', shape, data } });
      assert.deepEqual(logits?.shape, [...shape, 257]);
      assert.ok((logits.data as Float32Array).every(Number.isFinite));
    }
    await session.close();
  } finally {
    await runtime.close();
  }
});

test('the metrics have one line a step', async () => {
  const csv = (await readFile(inRun('tiny', 'metrics.csv'), 'utf8')).trimEnd().split('\n');
  const header = csv[0]!.split(',');
  assert.equal(csv.length, 1 + tinySteps);
  for (const name of domainNames) assert.ok(header.includes(`tokens:${name}`));
  for (const [index, line] of csv.slice(1).entries()) {
    const cells = line.split(',');
    assert.equal(cells.length, header.length);
    assert.equal(Number(cells[0]), index + 1);
    assert.ok(Number(cells[header.indexOf('kl')]) > 0);
    const tokens = domainNames.map((name) => Number(cells[header.indexOf(`tokens:${name}`)]));
    assert.equal(
      tokens.reduce((a, b) => a + b),
      Number(cells[header.indexOf('tokens')]),
    );
  }
});

test('the report is one file that needs no other, and names the digest', async () => {
  const html = await readFile(inRun('tiny', 'report.html'), 'utf8');
  assert.match(html, /^<!doctype html>/i);
  assert.match(html, /<svg/);
  assert.ok(html.includes(weightsDigest));
  // What the run record does not have: the windows are the corpus's, the paths the spec's.
  assert.match(html, /sequenceLength<\/th><td>24<\/td>/);
  assert.match(html, /sums<\/th><td>[^<]*text\/sums\.jsonl<\/td>/);
  assert.doesNotMatch(html, /(src|href)="(https?:)?\/\//);
});

test('the same run again says that it is done, with the same digest, and trains nothing', async () => {
  const checkpoints = await readdir(join(world.folder, '.ddk', 'store', 'artifacts'), { recursive: true });
  const again = await succeeds(world, ['run', 'tiny.yaml']);
  assert.match(again.stderr, /^succeeded$/m);
  assert.doesNotMatch(again.stderr, /training interval/);
  assert.ok(again.stdout.includes(weightsDigest));
  assert.deepEqual(
    await readdir(join(world.folder, '.ddk', 'store', 'artifacts'), { recursive: true }),
    checkpoints,
  );
});

test('a run of the same spec under another name ends with the same weights', async () => {
  const twin = await succeeds(world, ['run', await world.spec({ name: 'twin' }), '--json']);
  assert.equal(resultOf(twin).weightsDigest, weightsDigest);
});

test('the same spec in another folder ends with the same weights', async () => {
  const other = await world.another();
  try {
    assert.equal(
      resultOf(await succeeds(other, ['run', 'tiny.yaml', '--json'])).weightsDigest,
      weightsDigest,
    );
  } finally {
    await other.remove();
  }
});

test('runs and show say what there is', async () => {
  const [runs, show, asJson] = await Promise.all([
    succeeds(world, ['runs']),
    succeeds(world, ['show', 'tiny']),
    succeeds(world, ['show', 'tiny', '--json']),
  ]);
  assert.match(runs.stdout, /^tiny +succeeded +2 of 2 +\w+ \d\.\d{3}/m);
  assert.match(show.stdout, /^state +succeeded$/m);
  for (const name of domainNames) assert.match(show.stdout, new RegExp(`^${name} +\\d`, 'm'));
  const { run } = resultOf(asJson) as { run: { spec: { name: string }; intervals: unknown[] } };
  assert.equal(run.spec.name, 'tiny');
  assert.equal(run.intervals.length, 3);
});

test('watching a run that is over shows how it ended', async () => {
  assert.match((await succeeds(world, ['watch', 'tiny'])).stdout, /succeeded/);
});

test('a report can be written elsewhere, with other runs beside it', async () => {
  await succeeds(world, ['report', 'tiny', '--with', 'tiny', '--out', 'reports']);
  assert.deepEqual((await readdir(join(world.folder, 'reports'))).sort(), ['metrics.csv', 'report.html']);
});

test('export puts the student where it is wanted, and writes over nothing', async () => {
  await succeeds(world, ['export', 'tiny', '--out', 'mine/student']);
  assert.equal(await digestOfFolder(join(world.folder, 'mine', 'student')), weightsDigest);
  const again = await world.ddk(['export', 'tiny', '--out', 'mine/student']);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^ddk: .*mine\/student exists; give another name or remove it first\.$/m);
  assert.deepEqual(await readdir(join(world.folder, 'mine')), ['student']);
});

test('generate writes the same text for the same seed, from the start and from the export', async () => {
  const args = ['--prompt', 'What is', '--tokens', '12', '--seed', '3', '--json'];
  const [start, first, second] = await Promise.all([
    succeeds(world, ['generate', 'student', ...args]),
    succeeds(world, ['generate', inRun('tiny', 'student'), ...args]),
    succeeds(world, ['generate', inRun('tiny', 'student'), ...args]),
  ]);
  assert.deepEqual(resultOf(first), resultOf(second));
  assert.equal(resultOf(first).tokens, 12);
  assert.notDeepEqual(resultOf(first), resultOf(start));
});

test('inspect reads a folder and an ONNX file', async () => {
  const [folder, file] = await Promise.all([
    succeeds(world, ['inspect', 'student']),
    succeeds(world, ['inspect', inRun('tiny', 'student', 'model.onnx'), '--json']),
  ]);
  assert.match(folder.stdout, /^parameters +10\.\dk/m);
  assert.match(folder.stdout, /^trainable +yes/m);
  const report = resultOf(file) as { opset: number; inputs: { name: string }[]; withoutGradient: unknown[] };
  assert.equal(report.opset, 18);
  assert.equal(report.inputs[0]?.name, 'input_ids');
  assert.deepEqual(report.withoutGradient, []);
});

test('preview measures and trains nothing; a dry run does not even measure', async () => {
  const before = resultOf(await succeeds(world, ['runs', '--json']));
  const preview = resultOf(await succeeds(world, ['preview', 'tiny.yaml', '--json'])) as {
    weights: number[];
    gaps: { ratio: number }[];
  };
  assert.equal(preview.gaps.length, 3);
  assert.ok(Math.abs(preview.weights.reduce((a, b) => a + b) - 1) < 1e-12);
  const dry = await succeeds(world, ['run', await world.spec({ name: 'dry' }), '--dry-run']);
  assert.match(dry.stdout, /2 intervals of 3 steps of 4 windows of 24: 576 tokens/);
  assert.match(dry.stdout, /Nothing was started\.$/m);
  assert.deepEqual(resultOf(await succeeds(world, ['runs', '--json'])), before);
  await assert.rejects(stat(inRun('dry')));
});

test('a run starts from another one, and garbage collection leaves what both need', async () => {
  const spec = await world.spec({ name: 'fork', training: { intervals: 4 } });
  const fork = resultOf(await succeeds(world, ['run', spec, '--from', 'tiny', '--json'])) as {
    weightsDigest: string;
    run: { spec: { baseCheckpointDigest: string } };
  };
  const shownRun = async (name: string) =>
    resultOf(await succeeds(world, ['show', name, '--json'])).run as {
      checkpointDigest: string;
      intervals: { gaps: { studentLoss: number }[] }[];
    };
  const source = await shownRun('tiny');
  assert.equal(fork.run.spec.baseCheckpointDigest, source.checkpointDigest);
  assert.deepEqual((await shownRun('fork')).intervals[0]!.gaps, source.intervals.at(-1)!.gaps);
  assert.notEqual(fork.weightsDigest, weightsDigest);

  const shown = resultOf(await succeeds(world, ['gc', '--grace-minutes', '0', '--json'])) as {
    deleted: boolean;
    artifacts: unknown[];
  };
  assert.equal(shown.deleted, false);
  assert.ok(shown.artifacts.length > 0);
  const deleted = resultOf(await succeeds(world, ['gc', '--delete', '--grace-minutes', '0', '--json'])) as {
    artifacts: unknown[];
  };
  assert.deepEqual(deleted.artifacts, shown.artifacts);
  const nothing = resultOf(await succeeds(world, ['gc', '--grace-minutes', '0', '--json'])) as {
    artifacts: unknown[];
  };
  assert.deepEqual(nothing.artifacts, []);

  const longer = resultOf(await succeeds(world, ['resume', 'fork', '--extend', '1', '--json']));
  assert.equal((longer.run as { intervalsPlanned: number }).intervalsPlanned, 5);
  await succeeds(world, ['export', 'tiny', '--out', 'after-gc']);
  assert.equal(await digestOfFolder(join(world.folder, 'after-gc')), weightsDigest);
});

test('a run of another student model cannot be gone on from, nor measured, and leaves nothing behind', async () => {
  await world.model('wider', { hiddenSize: 32, headDim: 16 });
  const spec = await world.spec({ name: 'misfit', student: './wider' });
  const misfit =
    /Checkpoint sha256:[0-9a-f]{64} is of another model than the student: model\.embed_tokens\.weight is \[257, 16\] and config\.json asks for \[257, 32\]; .*; and \d+ more\. Give a checkpoint of a student with the same config\.json\.$/m;
  for (const args of [['--dry-run'], []]) {
    const { code, stderr } = await world.ddk(['run', spec, '--from', 'tiny', ...args]);
    assert.equal(code, 1);
    assert.match(stderr, /^ddk: --from tiny: /m);
    assert.match(stderr, misfit);
  }
  const preview = await world.ddk(['preview', spec, '--of', 'tiny']);
  assert.equal(preview.code, 1);
  assert.match(preview.stderr, misfit);
  assert.equal((await world.ddk(['show', 'misfit'])).code, 1);
  await assert.rejects(stat(inRun('misfit')));
});

test('a run that has ended can be extended, and a fork of it goes on where it began', async () => {
  const extend = ['resume', 'tiny', '--extend', '1'];
  const killed = await world.ddk(extend, { env: { DDK_FAILPOINT: 'trainer.before_commit' } });
  assert.equal(killed.signal, 'SIGKILL');
  // Given again it would train another interval, and end with other weights than the one that was not killed.
  const again = await world.ddk(extend);
  assert.equal(again.code, 1);
  assert.match(
    again.stderr,
    /tiny has not come to the end of its 3 intervals yet: `ddk resume tiny` continues it;/,
  );
  const longer = resultOf(await succeeds(world, ['resume', 'tiny', '--json']));
  assert.notEqual(longer.weightsDigest, weightsDigest);
  const csv = (await readFile(inRun('tiny', 'metrics.csv'), 'utf8')).trimEnd().split('\n');
  assert.equal(csv.length, 1 + tinySteps + 3);
  assert.equal(await digestOfFolder(inRun('tiny', 'student')), longer.weightsDigest);
  for (const args of [
    ['run', 'fork.yaml', '--from', 'tiny'],
    ['run', 'fork.yaml'],
  ])
    assert.match((await succeeds(world, args)).stderr, /^succeeded$/m);
});

test('a report or a student is not written where it has no place', async () => {
  for (const [args, sentence] of [
    [
      ['report', 'tiny', '--out', 'tiny.yaml'],
      /tiny\.yaml cannot hold the report: it is a file; give another folder with --out\.$/m,
    ],
    [
      ['export', 'tiny', '--out', 'tiny.yaml/x'],
      /tiny\.yaml cannot hold the student: it is a file; give another place with --out\.$/m,
    ],
  ] as const) {
    const { code, stderr } = await world.ddk(args);
    assert.equal(code, 1);
    assert.match(stderr, sentence);
  }
});
