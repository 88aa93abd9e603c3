// The health of a scheduler that calls its workers: whether teacher, trainer and evaluator answer.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { DdkError, silentLogger } from '#base';
import { openMemoryBus } from '#bus';
import { DescribeEvaluatorResponse, DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import { DescribeStudentResponse, StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import { DescribeModelResponse, TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import {
  createClient,
  Health,
  HealthService,
  type RunningServer,
  type ServerSettings,
  service,
  startServer,
} from '#rpc';
import { openMemoryStore } from '#store';
import { startScheduler } from '../../services/scheduler/service.js';

const never = () => Promise.reject(new DdkError('unimplemented', 'It is not asked here.'));
async function* nothing(): AsyncGenerator<never> {}

/** A server of these services. What they need beside their session, `needs` checks. */
async function serve(
  t: TestContext,
  services: ServerSettings['services'],
  needs: (health: Health) => void = () => {},
): Promise<RunningServer> {
  const health = new Health({ logger: silentLogger });
  health.set('session', true, 'cpu');
  needs(health);
  const server = await startServer({ address: '127.0.0.1:0', services, health, logger: silentLogger });
  t.after(() => server.close());
  return server;
}

const teacher = service(TeacherScoringServiceService, {
  describeModel: async () => DescribeModelResponse.create({ fingerprint: 'sha256:t' }),
  scoreSequences: nothing,
});
const trainer = service(StudentTrainerServiceService, {
  describeStudent: never,
  trainInterval: nothing,
  getProgress: never,
  exportStudent: never,
});
const evaluator = service(DomainEvaluatorServiceService, { describeEvaluator: never, evaluateGaps: nothing });

/** The statuses of a scheduler with these addresses, without the name of its service, and what its log warns of. */
async function healthWith(
  t: TestContext,
  addresses: { teacherAddress: string; trainerAddress: string; evaluatorAddress: string },
) {
  const warnings: string[] = [];
  const logger = Object.assign(Object.create(silentLogger), {
    warn: (facts: { detail?: string }) => void warnings.push(facts.detail ?? ''),
  });
  const server = await startScheduler(
    { listen: '127.0.0.1:0', security: {}, ...addresses },
    { store: openMemoryStore(), bus: openMemoryBus(), logger },
  );
  const health = await createClient(HealthService, server.address);
  t.after(async () => {
    health.close();
    await server.close();
  });
  const { statuses } = await health.list({});
  const short = Object.entries(statuses).map(([name, { status }]) => [
    name.replace(/^ddk\.v1\.SchedulerService\/?/, 'service/').replace(/\/$/, ''),
    status,
  ]);
  return { statuses: Object.fromEntries(short), warnings };
}

test('a scheduler serves while teacher, trainer and evaluator answer', async (t) => {
  const { address } = await serve(t, [teacher, trainer, evaluator]);
  const { statuses } = await healthWith(t, {
    teacherAddress: address,
    trainerAddress: address,
    evaluatorAddress: address,
  });
  const names = ['', 'service', 'service/store', 'service/bus', 'service/teacher', 'service/trainer'];
  assert.deepEqual(
    statuses,
    Object.fromEntries([...names, 'service/evaluator'].map((name) => [name, 'SERVING'])),
  );
});

test('workers that cannot work answer, and so do those that wait for a teacher who never answers', async (t) => {
  const { address } = await serve(t, [teacher]);
  const waiting = new Health({ logger: silentLogger });
  waiting.add('teacher', () => new Promise(() => {}));
  const describe = async () => ({ checks: [...(await waiting.report()).checks] });
  const workers = [
    service(StudentTrainerServiceService, {
      describeStudent: async () => DescribeStudentResponse.fromPartial(await describe()),
      trainInterval: nothing,
      getProgress: never,
      exportStudent: never,
    }),
    service(DomainEvaluatorServiceService, {
      describeEvaluator: async () => DescribeEvaluatorResponse.fromPartial(await describe()),
      evaluateGaps: nothing,
    }),
  ];
  const worker = await serve(t, workers, (health) => {
    health.set('session', false, 'the device is out of memory');
    health.add('teacher', () => new Promise(() => {}));
  });
  const { statuses, warnings } = await healthWith(t, {
    teacherAddress: address,
    trainerAddress: worker.address,
    evaluatorAddress: worker.address,
  });
  assert.equal(statuses['service/trainer'], 'SERVING');
  assert.equal(statuses['service/evaluator'], 'SERVING');
  assert.equal(statuses.service, 'SERVING');
  assert.deepEqual(warnings, []);
});

test('one that is away, or is something else, is told by name, address and remedy', async (t) => {
  const { address } = await serve(t, [teacher]);
  const { statuses, warnings } = await healthWith(t, {
    teacherAddress: address,
    trainerAddress: address,
    // Nobody listens on the discard port.
    evaluatorAddress: '127.0.0.1:9',
  });
  assert.deepEqual(statuses, {
    '': 'NOT_SERVING',
    service: 'NOT_SERVING',
    'service/store': 'SERVING',
    'service/bus': 'SERVING',
    'service/teacher': 'SERVING',
    'service/trainer': 'NOT_SERVING',
    'service/evaluator': 'NOT_SERVING',
  });
  const [evaluatorAway, wrongTrainer] = warnings.sort();
  assert.match(
    evaluatorAway ?? '',
    /^the evaluator at 127\.0\.0\.1:9 does not answer: no connection to 127\.0\.0\.1:9 .*; start domain-evaluator there, .*DDK_EVALUATOR_ADDRESS\.$/,
  );
  assert.match(
    wrongTrainer ?? '',
    /^the trainer at [\d.:]+ does not answer: [\d.:]+ is no student-trainer: .*DDK_TRAINER_ADDRESS\.$/,
  );
});
