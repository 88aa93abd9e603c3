// Shows that a trainer answers health and progress calls while a step of about two seconds runs.
//
//   node dist/test/bench/rpc-latency.js [--threads 2] [--seconds 30] [--batch 128] [--every 20]
//
// The trainer and its teacher are services in a process of their own; the calls come from this one, over gRPC on loopback.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { assert } from '#base';
import { StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import { IntervalRecord, Run, WorkState } from '#proto/ddk/v1/types';
import { createClient, HealthService } from '#rpc';
import { openRuntime } from '#runtime';
import { startStudentTrainer } from '../../services/student-trainer/service.js';
import { startTeacherScoring } from '../../services/teacher-scoring/service.js';
import { byteDecoder, makeDistillation, serving } from './distillation.js';
import { type Cell, formatTable, quantile } from './table.js';

const usage = `usage: node dist/test/bench/rpc-latency.js [--threads 2] [--seconds 30] [--batch 128] [--every 20]

Latency of health and GetProgress calls to a trainer, idle and while it trains, and the delays of its event loop.
  --seconds   how long each of the two is measured
  --batch     windows of 128 positions a step, in micro-batches of 16; make it so that a step takes about 2 s
  --every     milliseconds between two calls`;

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '30' },
    batch: { type: 'string', default: '128' },
    every: { type: 'string', default: '20' },
    /** Folder to serve from; makes this process the trainer's. */
    serve: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const length = 128;
const runId = 'bench';
/** Steps of interval 0, which warms up, and of interval 1, which is cut short. */
const steps = [2, 10_000] as const;

interface LoopDelays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

if (options.help) console.log(usage);
else if (options.serve !== undefined) await serve(options.serve);
else await measure();

/** The trainer's process: tells its address, and the delays of its event loop whenever it is asked. */
async function serve(root: string): Promise<void> {
  const { store, teacher, corpus, runSpec } = await makeDistillation(root, {
    teacher: byteDecoder(256, 2, length),
    student: byteDecoder(256, 4, length),
    length,
    domains: 2,
    windows: 2000,
    validationSamples: 4,
    intervals: 2,
    intervalSteps: steps[1],
    batchSize: Number(options.batch),
    microBatches: Number(options.batch) / 16,
    k: 16,
  });
  const weights = corpus.domains.map(() => 1 / corpus.domains.length);
  const run = Run.fromPartial({ id: runId, spec: runSpec });
  await store.records.create(`runs/${runId}`, Run.encode(run).finish());
  const { logger, ...common } = serving(Number(options.threads));
  const runtime = await openRuntime();
  const scoring = await startTeacherScoring({ ...common, model: teacher.folder }, { runtime, logger });
  const config = { ...common, data: root, teacherAddress: scoring.address, targetCacheBytes: 0 };
  const trainer = await startStudentTrainer(config, { store, runtime, logger });
  const assign = async (interval: number, firstStep: number, endStep: number) => {
    const base = { runId, interval, attempt: 1, state: WorkState.ASSIGNED, weights };
    const place = { firstStep, endStep, step: firstStep };
    const record = { ...base, ...place, baseCheckpointDigest: runSpec.baseCheckpointDigest };
    const bytes = IntervalRecord.encode(IntervalRecord.fromPartial(record)).finish();
    await store.records.create(`runs/${runId}/train/${interval}`, bytes);
  };
  await assign(0, 0, steps[0]);
  await assign(1, steps[0], steps[0] + steps[1]);
  const resolutionMs = 1;
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  process.on('message', () => {
    const beyondTimer = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    const [p50, p99] = [beyondTimer(delays.percentile(50)), beyondTimer(delays.percentile(99))];
    process.send?.({ p50, p99, max: beyondTimer(delays.max) } satisfies LoopDelays);
    delays.reset();
  });
  process.send?.(trainer.address);
}

async function measure(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'ddk-rpc-latency-'));
  const { threads, seconds, batch, every } = options;
  const server = fork(
    fileURLToPath(import.meta.url),
    ['--serve', root, '--threads', threads, '--batch', batch],
    { stdio: 'inherit' },
  );
  const answer = async () => (await once(server, 'message'))[0] as unknown;
  try {
    const address = await answer();
    assert(typeof address === 'string', 'the trainer tells its address');
    const trainer = await createClient(StudentTrainerServiceService, address);
    const health = await createClient(HealthService, address);
    const calls = {
      health: () => health.check({ service: '' }),
      progress: () => trainer.getProgress({ runId }),
    };
    const loopDelays = async () => {
      const told = answer();
      server.send('delays');
      return (await told) as LoopDelays;
    };
    const poll = async () => {
      await loopDelays();
      const latenciesMs = { health: [] as number[], progress: [] as number[] };
      const until = performance.now() + 1000 * Number(seconds);
      while (performance.now() < until) {
        for (const name of ['health', 'progress'] as const) {
          const startedMs = performance.now();
          await calls[name]();
          latenciesMs[name].push(performance.now() - startedMs);
          await sleep(Number(every));
        }
      }
      return { latenciesMs, delays: await loopDelays(), load: loadavg()[0] ?? 0 };
    };
    for await (const _ of trainer.trainInterval({ runId, interval: 0, attempt: 1 }));
    const idle = await poll();
    const stop = new AbortController();
    const stepsMs: number[] = [];
    let underWay: () => void = () => undefined;
    const started = new Promise<void>((resolve) => {
      underWay = resolve;
    });
    const training = (async () => {
      const stream = trainer.trainInterval({ runId, interval: 1, attempt: 1 }, { signal: stop.signal });
      for await (const { event } of stream) {
        if (event?.$case !== 'step') continue;
        stepsMs.push(event.value.durationMs);
        underWay();
      }
    })().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    await Promise.race([started, training]);
    stepsMs.length = 0;
    const busy = await poll();
    stop.abort();
    await training;
    print({ idle, busy }, stepsMs);
    trainer.close();
    health.close();
  } finally {
    server.kill('SIGKILL');
    await rm(root, { recursive: true, force: true });
  }
}

interface Polled {
  readonly latenciesMs: Readonly<Record<'health' | 'progress', readonly number[]>>;
  readonly delays: LoopDelays;
  readonly load: number;
}

function print(polled: Readonly<Record<'idle' | 'busy', Polled>>, stepsMs: readonly number[]): void {
  const rows: Cell[][] = [['milliseconds', 'trainer', 'n', 'median', 'p99', 'max']];
  const ms = (value: number) => value.toFixed(2);
  for (const name of ['health', 'progress'] as const) {
    for (const state of ['idle', 'busy'] as const) {
      const all = polled[state].latenciesMs[name];
      rows.push([
        name,
        state,
        all.length,
        ms(quantile(all, 0.5)),
        ms(quantile(all, 0.99)),
        ms(Math.max(...all)),
      ]);
    }
  }
  for (const state of ['idle', 'busy'] as const) {
    const { p50, p99, max } = polled[state].delays;
    rows.push(['event-loop delay', state, '', ms(p50), ms(p99), ms(max)]);
  }
  const { idle, busy } = polled;
  console.log(
    `a trainer of 3.4 M parameters, ${options.batch} windows of ${length} a step, ${options.threads} threads; ` +
      `${stepsMs.length} steps of ${quantile(stepsMs, 0.5).toFixed(0)} ms (median) while it was busy\n` +
      `load average of the machine: idle ${idle.load.toFixed(1)}, busy ${busy.load.toFixed(1)}\n${formatTable(rows)}`,
  );
}
