// What the service answers, against the same model run without it.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { DdkError } from '#base';
import { scoringModel } from '#model';
import { tensor } from '#onnx';
import type {
  ScoreOptions,
  ScoreSequencesRequest,
  ScoreSequencesResponse,
} from '#proto/ddk/v1/teacher_scoring';
import { decodeTargets, encodeTargets } from '#targets';
import { bytesOfIds, config, randomIds, type Served, serveTeacher } from './served.js';

const length = 12;

function options(
  served: Served,
  output: ScoreOptions['output'],
  change: Partial<ScoreOptions> = {},
): ScoreSequencesRequest {
  const value = { fingerprint: served.model.fingerprint, output, temperature: 1, length, ...change };
  return { message: { $case: 'options', value } };
}

function windows(id: number, rows: number, ids: Int32Array): ScoreSequencesRequest {
  return { message: { $case: 'windows', value: { id: BigInt(id), rows, tokenIds: bytesOfIds(ids) } } };
}

const topK = (k: number): ScoreOptions['output'] => ({
  $case: 'targets',
  value: { kind: { $case: 'topK', value: { k } } },
});
const dense: ScoreOptions['output'] = { $case: 'targets', value: { kind: { $case: 'dense', value: {} } } };
const labels: ScoreOptions['output'] = { $case: 'labelLogProbs', value: {} };

async function ask(
  served: Served,
  requests: readonly ScoreSequencesRequest[],
): Promise<ScoreSequencesResponse[]> {
  const answers: ScoreSequencesResponse[] = [];
  for await (const answer of served.client.scoreSequences(requests)) answers.push(answer);
  return answers;
}

/** Log-probabilities of the model's own graph, [rows * length * V], in float64. */
async function reference(
  served: Served,
  ids: Int32Array,
  rows: number,
  temperature = 1,
): Promise<Float64Array> {
  const { model, runtime } = served;
  const graph = scoringModel({
    config: model.config,
    weights: model.weights,
    batch: rows,
    length,
    head: { kind: 'logits' },
  });
  const session = await runtime.createSession(graph.bytes, {
    provider: 'cpu',
    threads: 1,
    externalDataFolder: graph.externalDataFolder,
  });
  const inputs = Array.from(
    { length: rows * length },
    (_, i) => ids[Math.floor(i / length) * (length + 1) + (i % length)]!,
  );
  const { logits } = await session.run({ input_ids: tensor('int64', [rows, length], inputs) });
  await session.close();
  const V = config.vocabSize;
  const scaled = Float64Array.from(logits!.data as Float32Array, (z) => z / temperature);
  for (let n = 0; n < rows * length; n += 1) {
    const row = scaled.subarray(n * V, (n + 1) * V);
    const top = Math.max(...row);
    const logSum = top + Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0));
    for (let v = 0; v < V; v += 1) row[v] = row[v]! - logSum;
  }
  return scaled;
}

test('top-k targets are the likeliest tokens of the tempered distribution', async (t) => {
  const served = await serveTeacher(t);
  const [rows, k, temperature] = [3, 5, 2];
  const ids = randomIds(rows, length);
  const expected = await reference(served, ids, rows, temperature);
  const [answer] = await ask(served, [options(served, topK(k), { temperature }), windows(9, rows, ids)]);
  assert.equal(answer!.id, 9n);
  const targets = decodeTargets(answer!.payload, { kind: 'top_k', k }, config.vocabSize, rows * length);
  assert.ok(targets.kind === 'top_k');
  for (let n = 0; n < rows * length; n += 1) {
    const row = [...expected.subarray(n * config.vocabSize, (n + 1) * config.vocabSize)];
    const kth = row.toSorted((a, b) => b - a)[k - 1]!;
    for (let j = 0; j < k; j += 1) {
      const id = targets.ids[n * k + j]!;
      assert.ok(row[id]! >= kth - 1e-5, `position ${n}: token ${id} is not among the ${k} likeliest`);
      // Float16 rounds a log-probability by at most 2^-11 of it; these are below 16.
      assert.ok(Math.abs(targets.logProbs[n * k + j]! - row[id]!) < 16 * 2 ** -11);
    }
  }
});

test('dense targets and label log-probabilities agree with the model', async (t) => {
  const served = await serveTeacher(t);
  const rows = 2;
  const ids = randomIds(rows, length);
  const expected = await reference(served, ids, rows);
  const [whole] = await ask(served, [options(served, dense), windows(1, rows, ids)]);
  const targets = decodeTargets(whole!.payload, { kind: 'dense_f16' }, config.vocabSize, rows * length);
  for (const [i, value] of targets.logProbs.entries()) assert.ok(Math.abs(value - expected[i]!) < 0.02);

  const [answer] = await ask(served, [options(served, labels, { temperature: 0 }), windows(1, rows, ids)]);
  const found = new Float32Array(
    answer!.payload.buffer.slice(
      answer!.payload.byteOffset,
      answer!.payload.byteOffset + answer!.payload.length,
    ),
  );
  assert.equal(found.length, rows * length);
  for (const [n, value] of found.entries()) {
    const label = ids[Math.floor(n / length) * (length + 1) + (n % length) + 1]!;
    assert.ok(Math.abs(value - expected[n * config.vocabSize + label]!) < 1e-4);
  }
});

test('a window has the same bits whatever stands beside it and however often it is asked', async (t) => {
  const served = await serveTeacher(t);
  const rows = 8;
  const ids = randomIds(rows, length);
  const width = length + 1;
  const reversed = new Int32Array(ids.length);
  for (let row = 0; row < rows; row += 1) {
    reversed.set(ids.subarray((rows - 1 - row) * width, (rows - row) * width), row * width);
  }
  // 7 rows are padded to 8: the same shape.
  const [all, turned, fewer, again] = await ask(served, [
    options(served, topK(4)),
    windows(1, rows, ids),
    windows(2, rows, reversed),
    windows(3, rows - 1, ids.slice(0, (rows - 1) * width)),
    windows(4, rows, ids),
  ]);
  const stride = all!.payload.length / rows;
  for (let row = 0; row < rows; row += 1) {
    const own = all!.payload.subarray(row * stride, (row + 1) * stride);
    assert.ok(
      own.equals(turned!.payload.subarray((rows - 1 - row) * stride, (rows - row) * stride)),
      `row ${row}`,
    );
    if (row < rows - 1) assert.ok(own.equals(fewer!.payload.subarray(row * stride, (row + 1) * stride)));
  }
  assert.ok(all!.payload.equals(again!.payload));
});

test('each batch is answered without waiting for the next', async (t) => {
  const served = await serveTeacher(t);
  const ids = randomIds(1, length);
  let answered: () => void = () => {};
  async function* oneByOne(): AsyncGenerator<ScoreSequencesRequest> {
    yield options(served, labels);
    for (let id = 0; id < 4; id += 1) {
      const turn = new Promise<void>((resolve) => {
        answered = resolve;
      });
      yield windows(id, 1, ids);
      await turn;
    }
  }
  const seen: bigint[] = [];
  for await (const { id } of served.client.scoreSequences(oneByOne())) {
    seen.push(id);
    answered();
  }
  assert.deepEqual(seen, [0n, 1n, 2n, 3n]);
});

test('streams of different shapes and outputs are served side by side', async (t) => {
  const served = await serveTeacher(t);
  const streams = [1, 2, 3, 5].map(async (rows) => {
    const batches = [1, 2, 3, 4].map((id) => windows(id, rows, randomIds(rows, length, id)));
    const answers = await ask(served, [options(served, topK(rows)), ...batches]);
    assert.deepEqual(
      answers.map(({ id }) => id),
      [1n, 2n, 3n, 4n],
    );
    for (const { payload } of answers) assert.equal(payload.length, rows * length * rows * 4);
  });
  await Promise.all(streams);
});

test('what cannot be scored is refused with the field, the value and the remedy', async (t) => {
  const served = await serveTeacher(t);
  const good = options(served, topK(4));
  const ids = randomIds(2, length);
  const cases: readonly (readonly [readonly ScoreSequencesRequest[], string, RegExp])[] = [
    [[windows(1, 2, ids)], 'invalid_argument', /first message of a stream holds its options/],
    [[good, good], 'invalid_argument', /given once/],
    [[{ message: undefined }], 'invalid_argument', /neither options nor windows/],
    [[options(served, topK(4), { fingerprint: 'sha256:x' })], 'failed_precondition', /not sha256:x/],
    [
      [options(served, undefined, { length: 65 })],
      'invalid_argument',
      /options\.length is 65.*options\.output is not set/,
    ],
    [
      [options(served, topK(257), { temperature: Number.NaN })],
      'invalid_argument',
      /temperature is NaN.*k is 257; must lie in \[1, 256\]/,
    ],
    [[good, windows(1, 0, ids)], 'invalid_argument', /windows\.rows is 0/],
    [[good, windows(1, 3, ids)], 'invalid_argument', /104 bytes; 3 rows of 13 int32 ids are 156 bytes/],
    [[good, windows(1, 65, randomIds(65, length))], 'resource_exhausted', /64 rows/],
    [[good, windows(1, 2, ids.with(14, 257))], 'invalid_argument', /257 at row 1, position 1/],
    [[good, windows(1, 2, ids.with(3, -1))], 'invalid_argument', /-1 at row 0, position 3/],
  ];
  for (const [requests, code, message] of cases) {
    await assert.rejects(ask(served, requests), (error: DdkError) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  }
  // Nothing of this has hurt the session.
  assert.equal((await ask(served, [good, windows(1, 2, ids)])).length, 1);
});

test('the model is described, and a draining server sends its streams away', async (t) => {
  const served = await serveTeacher(t);
  const described = await served.client.describeModel({});
  assert.equal(described.fingerprint, served.model.fingerprint);
  assert.equal(described.vocabularySize, 257);
  assert.equal(described.maximumLength, 64);
  assert.equal(described.providerReason, 'set to cpu');
  async function* endless(): AsyncGenerator<ScoreSequencesRequest> {
    yield options(served, labels);
    yield windows(1, 1, randomIds(1, length));
    await new Promise(() => {});
  }
  let drained: Promise<void> | undefined;
  await assert.rejects(
    async () => {
      for await (const _ of served.client.scoreSequences(endless())) drained = served.server.drain(10_000);
    },
    (error: DdkError) => error.code === 'unavailable' && /stopping/.test(error.message),
  );
  await drained;
});

test('packed targets of the service are what #targets makes of the same entries', async (t) => {
  const served = await serveTeacher(t);
  const ids = randomIds(1, length);
  const [answer] = await ask(served, [options(served, topK(3)), windows(1, 1, ids)]);
  const decoded = decodeTargets(answer!.payload, { kind: 'top_k', k: 3 }, config.vocabSize, length);
  assert.ok(answer!.payload.equals(encodeTargets(decoded, config.vocabSize)));
});
