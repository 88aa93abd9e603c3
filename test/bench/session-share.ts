// Shows how much of a distillation's wall time is not spent in ONNX Runtime sessions, how much goes into measuring gaps, and
// what the four services cost beside the same sessions called directly.
//
//   node dist/test/bench/session-share.js [--size small|demo] [--rounds 3] [--threads 2] [--cache on|off]
//
// All four services run in this process as in `ddk run`: gRPC on loopback, the bus in memory, the store on disk. The direct
// side has the same graphs, rows, batches, checkpoints and measurements, and has to end with the same weights.
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assert } from '#base';
import { openMemoryBus } from '#bus';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { type Interval, type Run, RunState } from '#proto/ddk/v1/types';
import { createClient } from '#rpc';
import { openRuntime, type Runtime } from '#runtime';
import { readCheckpoint } from '#train';
import { startDomainEvaluator } from '../../services/domain-evaluator/service.js';
import { startScheduler } from '../../services/scheduler/service.js';
import { startStudentTrainer } from '../../services/student-trainer/service.js';
import { startTeacherScoring } from '../../services/teacher-scoring/service.js';
import {
  byteDecoder,
  type Distillation,
  type DistillationSize,
  makeDistillation,
  serving,
} from './distillation.js';
import { covered, meterRuntime, type Span } from './metered-runtime.js';
import { distilDirectly } from './one-process.js';
import { type Cell, formatTable, quantile } from './table.js';

const usage = `usage: node dist/test/bench/session-share.js [--size small|demo] [--rounds 3] [--threads 2] [--cache on|off]

Wall time of a distillation by what it is spent on, and against the same sessions without services.
  --size    demo: the models and schedule of \`npm start\`; small: models some ten times as large
  --cache   whether the trainer keeps the teacher's targets on disk, as it does by default`;

const length = 128;
const common = { length, domains: 6, windows: 1500, microBatches: 1, batchSize: 16, k: 16 };
const sizes: Readonly<Record<string, DistillationSize>> = {
  demo: {
    ...common,
    teacher: byteDecoder(96, 4, length),
    student: byteDecoder(48, 2, length),
    validationSamples: 40,
    intervals: 6,
    intervalSteps: 50,
  },
  small: {
    ...common,
    teacher: byteDecoder(256, 4, length),
    student: byteDecoder(128, 4, length),
    validationSamples: 40,
    intervals: 3,
    intervalSteps: 100,
  },
};

const stateNames: readonly (readonly [RunState, string])[] = [
  [RunState.PREPARING, 'preparing'],
  [RunState.MEASURING, 'measuring gaps'],
  [RunState.TRAINING, 'training'],
  [RunState.EXPORTING, 'exporting'],
];

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: 'small' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    cache: { type: 'string', default: 'on' },
    help: { type: 'boolean', default: false },
  },
});
const threads = Number(options.threads);

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

interface Served extends Cost {
  readonly intervals: readonly Interval[];
  readonly weightsDigest: string;
  /** By state of the run. */
  readonly statesMs: ReadonlyMap<RunState, number>;
  readonly spans: Readonly<Record<'teacher' | 'student' | 'evaluator', readonly Span[]>>;
}

interface Round {
  readonly served: Served;
  /** Directly, teacher and student one after the other. */
  readonly inTurn: Cost;
  /** Directly, the teacher a step ahead. */
  readonly pipelined: Cost;
}

if (options.help) console.log(usage);
else await main();

async function main(): Promise<void> {
  const size = sizes[options.size];
  assert(size, `--size is one of ${Object.keys(sizes).join(', ')}`);
  const runtime = await openRuntime();
  const rounds: Round[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    const served = await fresh(size, (made) => runServed(made, runtime));
    const weights = served.intervals.map((interval) => interval.weights);
    const direct = (pipelined: boolean) =>
      fresh(size, (made) =>
        cost(async () => {
          const digest = await distilDirectly(made, weights, { runtime, threads, k: size.k, pipelined });
          assert(digest === served.weightsDigest, 'both sides end with the same weights');
        }),
      );
    const done = { served, inTurn: await direct(false), pipelined: await direct(true) };
    rounds.push(done);
    printRound(round, done);
  }
  printSummary(rounds);
  await runtime.close();
}

/** Everything on an empty disk: no targets and no teacher's losses kept from before. */
async function fresh<T>(size: DistillationSize, body: (made: Distillation) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'ddk-session-share-'));
  try {
    const made = await makeDistillation(root, size);
    try {
      return await body(made);
    } finally {
      await made.store.close();
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function cost(body: () => Promise<void>): Promise<Cost> {
  const [startedMs, cpu] = [performance.now(), process.cpuUsage()];
  await body();
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs: performance.now() - startedMs, cpuMs: (user + system) / 1000 };
}

async function runServed({ root, store, teacher, runSpec }: Distillation, runtime: Runtime): Promise<Served> {
  const { logger, ...config } = serving(threads);
  const bus = openMemoryBus();
  const [scoring, training, evaluating] = [
    meterRuntime(runtime),
    meterRuntime(runtime),
    meterRuntime(runtime),
  ];
  const teacherServer = await startTeacherScoring(
    { ...config, model: teacher.folder },
    { runtime: scoring.runtime, logger },
  );
  const cache = options.cache === 'off' ? { targetCacheBytes: 0 } : {};
  const withTeacher = { ...config, ...cache, data: root, teacherAddress: teacherServer.address };
  const parts = { store, bus, logger };
  const trainer = await startStudentTrainer(withTeacher, { ...parts, runtime: training.runtime });
  const evaluator = await startDomainEvaluator(withTeacher, { ...parts, runtime: evaluating.runtime });
  const scheduler = await startScheduler(withTeacher, parts);
  const client = await createClient(SchedulerServiceService, scheduler.address);
  const statesMs = new Map<RunState, number>();
  let last: Run | undefined;
  const spent = await cost(async () => {
    let sinceMs = performance.now();
    const { run } = await client.createRun({ requestId: 'bench', spec: runSpec });
    assert(run, 'the run is created');
    last = run;
    for await (const { update } of client.watchRun({ run: run.id, afterRevision: 0n })) {
      if (update?.$case !== 'run') continue;
      const nowMs = performance.now();
      statesMs.set(last.state, (statesMs.get(last.state) ?? 0) + nowMs - sinceMs);
      sinceMs = nowMs;
      last = update.value;
      if (last.state === RunState.SUCCEEDED) break;
      const failed = last.state === RunState.PAUSED || last.state === RunState.FAILED;
      assert(!failed, `the run stopped: ${last.reason?.message}`);
    }
  });
  assert(last, 'the run was watched');
  const { weightsDigest } = await readCheckpoint(last.checkpointDigest, store.artifacts);
  const { intervals } = await client.listIntervals({
    run: last.id,
    pageSize: 500,
    pageToken: '',
    firstIndex: 0,
  });
  client.close();
  for (const server of [scheduler, evaluator, trainer, teacherServer]) await server.close();
  await bus.close();
  const spans = { teacher: scoring.spans, student: training.spans, evaluator: evaluating.spans };
  return { ...spent, intervals, weightsDigest, statesMs, spans };
}

function printRound(round: number, { served, inTurn, pipelined }: Round): void {
  const { wallMs, spans, statesMs } = served;
  const seconds = (ms: number) => (ms / 1000).toFixed(2);
  const share = (ms: number) => `${((100 * ms) / wallMs).toFixed(1)} %`;
  const inSessions = covered(Object.values(spans).flat());
  const rows: Cell[][] = [['of the services', 'seconds', 'share', 'runs']];
  for (const [name, own] of Object.entries(spans)) {
    const ms = covered(own);
    rows.push([`sessions: ${name}`, seconds(ms), share(ms), own.length]);
  }
  rows.push(['no session running', seconds(wallMs - inSessions), share(wallMs - inSessions), '']);
  for (const [state, name] of stateNames) {
    const ms = statesMs.get(state) ?? 0;
    rows.push([`state: ${name}`, seconds(ms), share(ms), '']);
  }
  const sides = Object.entries({
    services: served,
    'direct, in turn': inTurn,
    'direct, pipelined': pipelined,
  });
  const costs = sides.map(([name, side]) => [name, seconds(side.wallMs), seconds(side.cpuMs)]);
  console.log(
    `round ${round + 1}, load average ${loadavg()[0]?.toFixed(1)}\n` +
      `${formatTable([['seconds', 'wall', 'processor'], ...costs])}\n${formatTable(rows)}\n`,
  );
}

function printSummary(rounds: readonly Round[]): void {
  const middle = (of: (round: Round) => number) => quantile(rounds.map(of), 0.5);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const exporting = ({ statesMs }: Served) => statesMs.get(RunState.EXPORTING) ?? 0;
  const idle = ({ spans, wallMs }: Served) => 1 - covered(Object.values(spans).flat()) / wallMs;
  const measuring = ({ statesMs, wallMs }: Served) => (statesMs.get(RunState.MEASURING) ?? 0) / wallMs;
  const against = (of: (round: Round) => Cost) => {
    const wall = middle((round) => (round.served.wallMs - exporting(round.served)) / of(round).wallMs - 1);
    return [percent(wall), percent(middle((round) => round.served.cpuMs / of(round).cpuMs - 1))];
  };
  const rows: Cell[][] = [
    ['median over rounds', 'wall', 'processor'],
    ['no session running', percent(middle(({ served }) => idle(served))), ''],
    ['measuring gaps', percent(middle(({ served }) => measuring(served))), ''],
    ['services, without the export, against direct, in turn', ...against(({ inTurn }) => inTurn)],
    ['services, without the export, against direct, pipelined', ...against(({ pipelined }) => pipelined)],
  ];
  console.log(formatTable(rows));
}
