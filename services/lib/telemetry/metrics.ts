// Every metric of the system, once. Dashboards, alerts and tests read their names from here.

import { counter, gauge, histogram } from './instruments.js';

/** Of the semantic conventions for RPC, in seconds. */
const callBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const;

/** Computing takes from milliseconds (toy models on a CPU) to an hour, in seconds. */
const workBuckets = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600,
] as const;

const rpcAttributes = ['rpc.system.name', 'rpc.method', 'rpc.response.status_code', 'error.type'] as const;

export const metrics = {
  rpcServerCallDuration: histogram({
    name: 'rpc.server.call.duration',
    unit: 's',
    description: 'Duration of calls as the server saw them, streams from first to last message.',
    attributes: rpcAttributes,
    buckets: callBuckets,
  }),
  rpcClientCallDuration: histogram({
    name: 'rpc.client.call.duration',
    unit: 's',
    description: 'Duration of calls as the client saw them, streams from first to last message.',
    attributes: rpcAttributes,
    buckets: callBuckets,
  }),

  workDuration: histogram({
    name: 'ddk.work.duration',
    unit: 's',
    description: 'Time one attempt at a piece of work took, from delivery to settlement.',
    attributes: ['queue', 'outcome'],
    buckets: workBuckets,
  }),

  trainStepDuration: histogram({
    name: 'ddk.train.step.duration',
    unit: 's',
    description: 'Wall time of one training step, waiting for teacher targets included.',
    attributes: [],
    buckets: workBuckets,
  }),
  trainLoss: gauge({
    name: 'ddk.train.loss',
    unit: '{nat}',
    description: 'CE + gamma * KL of the last step, mean over its counted positions.',
    attributes: [],
  }),
  trainCrossEntropy: gauge({
    name: 'ddk.train.ce',
    unit: '{nat}',
    description: 'Cross-entropy of the last step, mean over its counted positions.',
    attributes: [],
  }),
  trainDivergence: gauge({
    name: 'ddk.train.kl',
    unit: '{nat}',
    description: 'KL divergence from the teacher in the last step, mean over its counted positions.',
    attributes: [],
  }),
  trainGradientNorm: gauge({
    name: 'ddk.train.gradient.norm',
    unit: '1',
    description: 'Global norm of the gradient of the last step, before clipping.',
    attributes: [],
  }),
  trainTokens: counter({
    name: 'ddk.train.tokens',
    unit: '{token}',
    description: 'Counted positions trained on.',
    attributes: ['domain'],
  }),
  trainTokenRate: gauge({
    name: 'ddk.train.token.rate',
    unit: '{token}/s',
    description: 'Counted positions a second over the last step.',
    attributes: [],
  }),
  trainCommitDuration: histogram({
    name: 'ddk.train.commit.duration',
    unit: 's',
    description: 'Time to make a checkpoint durable and commit it.',
    attributes: [],
    buckets: workBuckets,
  }),

  domainGap: gauge({
    name: 'ddk.domain.gap',
    unit: '{nat}',
    description: 'Mean cross-entropy of the student less that of the teacher on held-out text.',
    attributes: ['domain'],
  }),
  domainRatio: gauge({
    name: 'ddk.domain.ratio',
    unit: '1',
    description: 'Perplexity of the student over that of the teacher on held-out text.',
    attributes: ['domain'],
  }),
  domainWeight: gauge({
    name: 'ddk.domain.weight',
    unit: '1',
    description: 'Share of the mixture that the domain has in the current interval.',
    attributes: ['domain'],
  }),

  teacherPositions: counter({
    name: 'ddk.teacher.positions',
    unit: '{position}',
    description: 'Positions scored by the teacher, those found in the cache not included.',
    attributes: ['encoding'],
  }),
  teacherScoreDuration: histogram({
    name: 'ddk.teacher.score.duration',
    unit: 's',
    description: 'Time of one batch in the teacher’s session.',
    attributes: ['encoding'],
    buckets: workBuckets,
  }),
  targetsCacheLookups: counter({
    name: 'ddk.targets.cache.lookups',
    unit: '{window}',
    description: 'Windows whose teacher targets were looked up in the cache.',
    attributes: ['outcome'],
  }),

  evaluationDuration: histogram({
    name: 'ddk.evaluation.duration',
    unit: 's',
    description: 'Time to score the held-out text of one domain with one model.',
    attributes: ['domain', 'model'],
    buckets: workBuckets,
  }),
  intervalProgress: gauge({
    name: 'ddk.interval.progress',
    unit: '1',
    description: 'Share of the current interval’s steps that is done.',
    attributes: [],
  }),

  eventLoopDelayP99: gauge({
    name: 'nodejs.eventloop.delay.p99',
    unit: 's',
    description: '99th percentile of the event loop’s delay over the last ten seconds.',
    attributes: [],
  }),
  eventLoopDelayMax: gauge({
    name: 'nodejs.eventloop.delay.max',
    unit: 's',
    description: 'Longest delay of the event loop over the last ten seconds.',
    attributes: [],
  }),
} as const;
