// Work dispatched by calls: a trainer and an evaluator that are gRPC servers of their own, which come, fail and go.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { DdkError, silentLogger } from '#base';
import { openMemoryBus } from '#bus';
import { DomainEvaluatorServiceService, type EvaluateGapsResponse } from '#proto/ddk/v1/domain_evaluator';
import { StudentTrainerServiceService, type TrainIntervalResponse } from '#proto/ddk/v1/student_trainer';
import { ExportManifest, IntervalRecord, StepMetrics } from '#proto/ddk/v1/types';
import { type CallContext, createClient, Health, type RunningServer, service, startServer } from '#rpc';
import { decodeRunEvent, publishRunEvent, runEventSubject, workerStopping } from '#work';
import { rpcWorkers } from '../../services/scheduler/rpc-workers.js';
import type { WorkItem } from '../../services/scheduler/workers.js';

interface Ended {
  readonly item: WorkItem;
  readonly error: DdkError | undefined;
}

interface Behaviour {
  train: (context: CallContext) => AsyncIterable<TrainIntervalResponse>;
  evaluate: (context: CallContext) => AsyncIterable<EvaluateGapsResponse>;
}

async function* trained(): AsyncGenerator<TrainIntervalResponse> {
  yield { event: { $case: 'step', value: StepMetrics.create({ step: 1, loss: 2 }) } };
  yield { event: { $case: 'finished', value: IntervalRecord.create({}) } };
}

async function* evaluated(): AsyncGenerator<EvaluateGapsResponse> {
  yield { event: { $case: 'progress', value: { windowsDone: 3n, windowsTotal: 6n } } };
}

const never = (name: string) => () =>
  Promise.reject(new DdkError('unimplemented', `${name} is not asked here.`));

async function serveWorkers(behaviour: Behaviour, address = '127.0.0.1:0'): Promise<RunningServer> {
  return startServer({
    address,
    services: [
      service(StudentTrainerServiceService, {
        trainInterval: (_, context) => behaviour.train(context),
        exportStudent: async () => ({ manifest: ExportManifest.create({}), exportDigest: 'sha256:export' }),
        describeStudent: never('DescribeStudent'),
        getProgress: never('GetProgress'),
      }),
      service(DomainEvaluatorServiceService, {
        evaluateGaps: (_, context) => behaviour.evaluate(context),
        describeEvaluator: never('DescribeEvaluator'),
      }),
    ],
    health: new Health({ logger: silentLogger }),
    logger: silentLogger,
  });
}

async function scene(t: TestContext) {
  const behaviour: Behaviour = { train: trained, evaluate: evaluated };
  const server = await serveWorkers(behaviour);
  const bus = openMemoryBus();
  const progress: unknown[] = [];
  await bus.subscribe(runEventSubject('*', 'progress'), (message) => {
    const event = decodeRunEvent(message);
    if (event?.kind?.$case === 'progress') progress.push(event.kind.value.progress?.$case);
  });
  const ended: Ended[] = [];
  let heard = () => {};
  const workers = rpcWorkers({
    trainer: await createClient(StudentTrainerServiceService, server.address),
    evaluator: await createClient(DomainEvaluatorServiceService, server.address),
    publish: (runId, event) => publishRunEvent(bus, 'ddk/scheduler', runId, event),
    logger: silentLogger,
    onEnd: (item, error) => {
      ended.push({ item, error });
      heard();
    },
  });
  t.after(async () => {
    await workers.close();
    await server.close();
    await bus.close();
  });
  const untilEnded = async (count: number) => {
    while (ended.length < count) {
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
  return { behaviour, server, workers, progress, ended, untilEnded };
}

const item = (work: WorkItem['work'], attempt = 1): WorkItem => ({
  work,
  runId: 'r-1',
  interval: 0,
  attempt,
});

test('work is called for, its progress told and its end reported', async (t) => {
  const { workers, progress, ended, untilEnded } = await scene(t);
  await workers.dispatch(item('evaluate'));
  await workers.dispatch(item('train', 2));
  await workers.dispatch(item('export', 3));
  await untilEnded(3);
  assert.deepEqual(ended.map(({ item: { work }, error }) => [work, error]).sort(), [
    ['evaluate', undefined],
    ['export', undefined],
    ['train', undefined],
  ]);
  assert.deepEqual([...progress].sort(), ['evaluation', 'step']);
});

test('a call that fails is reported with its error', async (t) => {
  const { behaviour, workers, ended, untilEnded } = await scene(t);
  behaviour.train = async function* () {
    yield* trained();
    throw new DdkError('unavailable', 'The teacher does not answer.');
  };
  await workers.dispatch(item('train'));
  await untilEnded(1);
  assert.equal(ended[0]?.error?.code, 'unavailable');
});

test('work that a stopping worker has left is handed out anew, not failed', async (t) => {
  const { behaviour, workers, ended, untilEnded } = await scene(t);
  behaviour.train = async function* () {
    yield* trained();
    throw workerStopping('The trainer');
  };
  await workers.dispatch(item('train'));
  await untilEnded(1);
  assert.equal(ended[0]?.error, undefined);
});

test('one trainer is given one thing at a time', async (t) => {
  const { behaviour, workers, untilEnded } = await scene(t);
  let running = 0;
  behaviour.train = async function* () {
    running++;
    assert.equal(running, 1);
    yield* trained();
    await new Promise((resolve) => setTimeout(resolve, 10));
    running--;
  };
  for (const attempt of [1, 2, 3]) await workers.dispatch(item('train', attempt));
  await untilEnded(3);
});

test('a worker that is away is waited for', async (t) => {
  const { behaviour, server, workers, ended, untilEnded } = await scene(t);
  await server.close();
  await workers.dispatch(item('train'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ended.length, 0);
  const again = await serveWorkers(behaviour, server.address);
  t.after(() => again.close());
  await untilEnded(1);
  assert.equal(ended[0]?.error, undefined);
});

test('closing ends the calls in progress and reports nothing', async (t) => {
  const { behaviour, workers, ended } = await scene(t);
  let cancelled = false;
  behaviour.train = async function* (context) {
    yield* trained();
    await new Promise<void>((resolve) => {
      context.signal.addEventListener('abort', () => {
        cancelled = true;
        resolve();
      });
    });
  };
  await workers.dispatch(item('train'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  await workers.close();
  for (let i = 0; i < 100 && !cancelled; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(cancelled);
  assert.deepEqual(ended, []);
});
