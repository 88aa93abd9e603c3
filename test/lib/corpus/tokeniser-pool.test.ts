import assert from 'node:assert/strict';
import test from 'node:test';
import { byteLevelTokenizerJson } from '#tokenizer';
import { BatchBuilder } from '../../../services/lib/corpus/batch.js';
import { mapOrdered } from '../../../services/lib/corpus/ordered.js';
import { openTokeniserPool } from '../../../services/lib/corpus/tokeniser-pool.js';
import { textOf } from './support.js';

const setup = (json: unknown) => ({
  tokenizer: { json, config: undefined, where: 'tokenizer.json' },
  sequenceLength: 8,
  seed: 1,
});

function batchOf(...texts: string[]) {
  const builder = new BatchBuilder();
  for (const text of texts) builder.add([{ bytes: Buffer.from(text), counted: true }], undefined);
  return builder.take();
}

test('threads answer each question with its own batch', async (t) => {
  const pool = openTokeniserPool(2, setup(JSON.parse(byteLevelTokenizerJson())));
  t.after(() => pool.close());
  const answers = await Promise.all(Array.from({ length: 9 }, (_, i) => pool.run(batchOf(`a${i}`, `b${i}`))));
  assert.deepEqual(
    answers.map(({ ids }) => textOf(ids)),
    Array.from({ length: 9 }, (_, i) => `a${i}|b${i}|`),
  );
});

test('a thread that cannot start makes every question fail, and the process goes on', async () => {
  const pool = openTokeniserPool(1, setup({ model: { type: 'BPE', vocab: 5 } }));
  await assert.rejects(pool.run(batchOf('a')), /"model.vocab" is missing/);
  await assert.rejects(pool.run(batchOf('b')), /"model.vocab" is missing/);
  await pool.close();
});

test('an error inside a thread keeps its code', async (t) => {
  // A vocabulary that lacks its own unknown token cannot encode what it does not know.
  const model = {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    vocab: { a: 0, '</s>': 1 },
  };
  const pool = openTokeniserPool(1, setup({ model }));
  t.after(() => pool.close());
  await assert.rejects(pool.run(batchOf('b')), {
    code: 'invalid_argument',
    message: /no token for "\[UNK\]"/,
  });
  assert.deepEqual([...(await pool.run(batchOf('a'))).ids], [0, 1]);
});

test('results come in order, and no more is asked of the source than the limit', async () => {
  let asked = 0;
  let given = 0;
  async function* source() {
    for (let i = 0; i < 20; i++) {
      asked += 1;
      yield i;
    }
  }
  const late = async (i: number) => {
    // Later questions are answered sooner.
    for (let turn = 20 - i; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
    return i;
  };
  const results: number[] = [];
  for await (const result of mapOrdered(source(), 4, late)) {
    results.push(result);
    given += 1;
    assert.ok(asked - given < 4);
  }
  assert.deepEqual(results, [...Array(20).keys()]);
});

test('the first failure in order ends the work, and later ones are no unhandled rejections', async () => {
  async function* source() {
    yield* [1, 2, 3, 4];
  }
  const failing = async (i: number) => {
    if (i > 1) throw new Error(`number ${i}`);
    return i;
  };
  const results: number[] = [];
  await assert.rejects(async () => {
    for await (const result of mapOrdered(source(), 4, failing)) results.push(result);
  }, /number 2/);
  assert.deepEqual(results, [1]);
});
