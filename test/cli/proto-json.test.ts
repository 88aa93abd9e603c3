// What a dry run prints of a run can be handed to any gRPC client as it is.
import assert from 'node:assert/strict';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { CreateRunRequest } from '#proto/ddk/v1/scheduler';
import { Divergence, MixturePolicy, type RunSpec } from '#proto/ddk/v1/types';
import { protoJson } from '../../services/cli/spec/proto-json.js';

const protos = fileURLToPath(new URL('../../../proto/', import.meta.url));

const spec = (targets: RunSpec['targets']): RunSpec => ({
  name: 'my-run',
  corpusDigest: 'sha256:1',
  teacherFingerprint: 'sha256:2',
  studentDigest: 'sha256:3',
  baseCheckpointDigest: 'sha256:4',
  mixture: { policy: MixturePolicy.FIXED, alpha: 0.5, ratioClip: 4, weights: [0.25, 0.75] },
  objective: { gamma: 0.2, temperature: 1, temperatureSquared: true, divergence: Divergence.REVERSE_KL },
  targets,
  optimizer: {
    peakLearningRate: 3e-5,
    minimumLearningRate: 3e-6,
    warmupSteps: 7,
    beta1: 0.9,
    beta2: 0.98,
    epsilon: 1e-8,
    weightDecay: 0.1,
    clipNorm: 1,
  },
  training: { intervals: 3, intervalSteps: 4, batchSize: 8, microBatches: 2, checkpointSeconds: 60, seed: 9 },
});

test('the JSON of a CreateRunRequest says the same as the message, to a reader that knows only the proto', () => {
  const service = loadSync('ddk/v1/scheduler.proto', { includeDirs: [protos] })[
    'ddk.v1.SchedulerService'
  ] as ServiceDefinition;
  for (const targets of [
    { kind: { $case: 'topK', value: { k: 64 } } },
    { kind: { $case: 'dense', value: {} } },
  ] as const) {
    const request = { requestId: 'r', spec: spec(targets) };
    const text = JSON.stringify(protoJson(request));
    const bytes = service.CreateRun?.requestSerialize(JSON.parse(text));
    assert.ok(bytes);
    assert.deepEqual(CreateRunRequest.decode(bytes), request);
  }
});

test('enums have their names, a oneof is the field that is set', () => {
  const { mixture, objective, targets } = protoJson(
    spec({ kind: { $case: 'topK', value: { k: 64 } } }),
  ) as Record<string, Record<string, unknown>>;
  assert.equal(mixture?.policy, 'MIXTURE_POLICY_FIXED');
  assert.equal(objective?.divergence, 'DIVERGENCE_REVERSE_KL');
  assert.deepEqual(targets, { topK: { k: 64 } });
});

test('counts of 64 bits are text, times are RFC 3339, and what JSON has no number for is named', () => {
  assert.deepEqual(
    protoJson({ positions: 2n ** 53n + 1n, loss: Number.NaN, at: new Date(0), none: undefined }),
    {
      positions: '9007199254740993',
      loss: 'NaN',
      at: '1970-01-01T00:00:00.000Z',
    },
  );
});

test('every enum of what is told of a run is known by its names', () => {
  const definitions = loadSync('ddk/v1/scheduler.proto', { includeDirs: [protos] });
  interface Field {
    readonly name: string;
    readonly type: string;
    readonly typeName: string;
  }
  const known = new Set<string>();
  const follow = (message: string): void => {
    if (known.has(message)) return;
    known.add(message);
    const { type } = definitions[message] as { type?: { field?: readonly Field[] } };
    for (const { name, type: kind, typeName } of type?.field ?? []) {
      const target = `ddk.v1.${typeName.split('.').at(-1)}`;
      if (kind === 'TYPE_ENUM') {
        const { type: described } = definitions[target] as { type: { value: readonly { name: string }[] } };
        assert.equal(protoJson({ [name]: 1 })[name], described.value[1]?.name, `${message}.${name}`);
      }
      if (kind === 'TYPE_MESSAGE' && target in definitions) follow(target);
    }
  };
  for (const root of ['Run', 'RunProgress', 'CreateRunRequest']) follow(`ddk.v1.${root}`);
  assert.ok(known.size > 10 && known.has('ddk.v1.DomainGap'), [...known].join(', '));
});
