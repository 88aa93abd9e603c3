// Packed targets: golden bytes, round trips within their bounds, and refusal of everything damaged.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DdkError, keyedUniform } from '#base';
import {
  bytesPerPosition,
  type DenseTargets,
  decodeTargets,
  encodeTargets,
  type TargetEncoding,
  type TopKTargets,
} from '#targets';
import { refusal } from '../../support/refusal.js';

const log = Math.log;

function topK(k: number, ids: readonly number[], logProbs: readonly number[]): TopKTargets {
  return {
    kind: 'top_k',
    positions: ids.length / k,
    k,
    ids: Int32Array.from(ids),
    logProbs: Float32Array.from(logProbs),
  };
}

function dense(vocabSize: number, logProbs: readonly number[]): DenseTargets {
  const positions = logProbs.length / vocabSize;
  return { kind: 'dense_f16', positions, vocabSize, logProbs: Float32Array.from(logProbs) };
}

/** A softmax over the vocabulary with logits of the given spread, and its k likeliest tokens. */
function randomDistribution(seed: number, vocabSize: number, spread: number): number[] {
  const logits = Array.from({ length: vocabSize }, (_, i) => spread * keyedUniform(seed, 'test/logits', i));
  const logTotal = log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return logits.map((logit) => logit - logTotal);
}

function randomTopK(
  seed: number,
  positions: number,
  k: number,
  vocabSize: number,
  spread: number,
): TopKTargets {
  const ids: number[] = [];
  const logProbs: number[] = [];
  for (let p = 0; p < positions; p++) {
    const entries = randomDistribution(seed + p, vocabSize, spread)
      .map((logProb, id) => ({ id, logProb }))
      .sort((a, b) => b.logProb - a.logProb)
      .slice(0, k);
    ids.push(...entries.map(({ id }) => id));
    logProbs.push(...entries.map(({ logProb }) => logProb));
  }
  return topK(k, ids, logProbs);
}

function sumOfProbs(logProbs: Float32Array, from: number, to: number): number {
  return logProbs.subarray(from, to).reduce((sum, logProb) => sum + Math.exp(logProb), 0);
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('top-k over a small vocabulary is two bytes an id, then two a log-probability', () => {
  // ids 0x0102 and 3; log-probabilities -0.5 = 0xb800 and -1 = 0xbc00 (exp: 0.607 + 0.368 = 0.974)
  const bytes = encodeTargets(topK(2, [0x0102, 3], [-0.5, -1]), 65_536);
  assert.equal(hex(bytes), `02010300${'00b8'}${'00bc'}`);
});

test('top-k over a large vocabulary is three bytes an id', () => {
  const bytes = encodeTargets(topK(2, [0x01_02_03, 3], [-0.5, -1]), 151_936);
  assert.equal(hex(bytes), `030201030000${'00b8'}${'00bc'}`);
});

test('dense is two bytes a token of the vocabulary', () => {
  // log 0.5 = -0.6931 rounds to 0xb98c
  const bytes = encodeTargets(dense(2, [log(0.5), log(0.5)]), 2);
  assert.equal(hex(bytes), '8cb98cb9');
});

test('entries are packed in one order, whatever order they came in', () => {
  const expected = encodeTargets(topK(3, [7, 2, 9], [-0.5, -2, -2]), 10);
  assert.deepEqual(encodeTargets(topK(3, [9, 2, 7], [-2, -2, -0.5]), 10), expected);
  assert.deepEqual(encodeTargets(topK(3, [2, 7, 9], [-2, -0.5, -2]), 10), expected);
  const decoded = decodeTargets(expected, { kind: 'top_k', k: 3 }, 10, 1);
  assert.deepEqual(decoded, topK(3, [7, 2, 9], [-0.5, -2, -2]));
});

test('sizes a position are those of the table in the design', () => {
  assert.equal(bytesPerPosition({ kind: 'dense_f16' }, 152_000), 304_000);
  assert.equal(bytesPerPosition({ kind: 'top_k', k: 64 }, 65_536), 256);
  assert.equal(bytesPerPosition({ kind: 'top_k', k: 64 }, 65_537), 320);
});

test('a top-k round trip keeps ids and moves log p by at most one part in 2048', () => {
  for (const vocabSize of [50, 300]) {
    for (const spread of [0, 3, 20]) {
      const targets = randomTopK(7, 5, 12, vocabSize, spread);
      const decoded = decodeTargets(
        encodeTargets(targets, vocabSize),
        { kind: 'top_k', k: 12 },
        vocabSize,
        5,
      );
      assert.equal(decoded.kind, 'top_k');
      for (let p = 0; p < 5; p++) {
        const original = new Map(
          Array.from({ length: 12 }, (_, j) => [targets.ids[p * 12 + j]!, targets.logProbs[p * 12 + j]!]),
        );
        for (let j = 0; j < 12; j++) {
          const expected = original.get((decoded as TopKTargets).ids[p * 12 + j]!);
          assert.ok(expected !== undefined);
          // Where rounding lifted the sum above 1, all entries give back at most as much again as they were moved.
          const bound = Math.abs(expected) / 2048 + 0.003;
          assert.ok(Math.abs(decoded.logProbs[p * 12 + j]! - expected) <= bound);
        }
        assert.ok(sumOfProbs(decoded.logProbs, p * 12, p * 12 + 12) <= 1);
      }
    }
  }
});

test('a top-k of the whole vocabulary never sums to more than 1 once decoded', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 1, max: 40 }),
      fc.double({ min: 0, max: 30, noNaN: true }),
      (seed, size, spread) => {
        const targets = randomTopK(seed, 1, size, size, spread);
        const decoded = decodeTargets(encodeTargets(targets, size), { kind: 'top_k', k: size }, size, 1);
        const sum = sumOfProbs(decoded.logProbs, 0, size);
        assert.ok(sum <= 1 && sum > 0.99, `${sum}`);
        assert.ok(decoded.logProbs.every((logProb) => logProb <= 0 && Number.isFinite(logProb)));
      },
    ),
  );
});

test('dense sums to 1 once decoded and moves p by at most half a percent', () => {
  for (const spread of [0, 3, 20]) {
    const logProbs = [...randomDistribution(1, 40, spread), ...randomDistribution(2, 40, spread)];
    const decoded = decodeTargets(encodeTargets(dense(40, logProbs), 40), { kind: 'dense_f16' }, 40, 2);
    for (const p of [0, 1]) {
      assert.ok(Math.abs(sumOfProbs(decoded.logProbs, p * 40, p * 40 + 40) - 1) < 1e-6);
    }
    for (const [i, logProb] of logProbs.entries()) {
      const bound = Math.abs(logProb) / 2048 + 0.003;
      assert.ok(Math.abs(decoded.logProbs[i]! - logProb) <= bound);
    }
  }
});

test('decoding and encoding again changes nothing where the sum needed no scaling', () => {
  const bytes = encodeTargets(randomTopK(3, 4, 5, 100, 2), 100);
  const decoded = decodeTargets(bytes, { kind: 'top_k', k: 5 }, 100, 4);
  assert.deepEqual(encodeTargets(decoded, 100), bytes);
});

test('a token of probability zero stays finite', () => {
  const bytes = encodeTargets(topK(2, [0, 1], [0, Number.NEGATIVE_INFINITY]), 2);
  const decoded = decodeTargets(bytes, { kind: 'top_k', k: 2 }, 2, 1);
  assert.deepEqual([...decoded.logProbs], [0, -65504]);
  assert.equal(hex(bytes), '000001000000fffb');
});

test('an empty window has no bytes', () => {
  assert.equal(encodeTargets(topK(2, [], []), 10).length, 0);
  assert.equal(decodeTargets(new Uint8Array(0), { kind: 'top_k', k: 2 }, 10, 0).logProbs.length, 0);
});

test('what is no distribution is not packed', () => {
  const refused: readonly (readonly [string, TopKTargets | DenseTargets, number, RegExp])[] = [
    ['a NaN', topK(1, [0], [Number.NaN]), 4, /is NaN/],
    ['logits', topK(2, [0, 1], [5, 3]), 4, /are these logits/],
    ['a sum above 1', topK(2, [0, 1], [-0.1, -0.1]), 4, /sum to 1\.8/],
    ['an id outside', topK(1, [4], [-1]), 4, /id 4 .* outside the vocabulary of 4/],
    ['a negative id', topK(1, [-1], [-1]), 4, /outside the vocabulary/],
    ['a repeated id', topK(2, [1, 1], [-1, -2]), 4, /occurs twice/],
    ['a dense sum below 1', dense(2, [-1, -1]), 2, /sum to 0\.73.* but should sum to 1\./],
    ['another vocabulary', dense(2, [log(0.5), log(0.5)]), 3, /vocabulary size of the targets must be 3/],
    ['too few entries', { ...topK(2, [0, 1], [-1, -2]), positions: 2 }, 4, /must be 4, but 2/],
    ['k of 0', { ...topK(1, [], []), k: 0 }, 4, /k must be an integer from 1/],
    ['k above the vocabulary', topK(2, [0, 1], [-1, -2]), 1, /k must be/],
    ['half a position', { ...topK(1, [], []), positions: 0.5 }, 4, /number of positions/],
    ['a huge vocabulary', topK(1, [0], [-1]), 2 ** 24 + 1, /vocabulary size must be/],
  ];
  for (const [what, targets, vocabSize, message] of refused) {
    const error = refusal(() => encodeTargets(targets, vocabSize));
    assert.equal(error.code, 'invalid_argument', what);
    assert.match(error.message, message, what);
  }
});

test('damaged bytes are refused', () => {
  const encoding: TargetEncoding = { kind: 'top_k', k: 2 };
  const good = encodeTargets(topK(2, [7, 3], [-0.5, -1]), 10); // 07 00 03 00 | 00 b8 | 00 bc
  const damaged: readonly (readonly [string, number, number, RegExp])[] = [
    ['an id outside', 1, 0xff, /outside the vocabulary/],
    ['a repeated id', 2, 7, /occurs twice/],
    ['a positive log-probability', 5, 0x38, /0\.5 as a log-probability/],
    ['a NaN', 5, 0xfe, /NaN as a log-probability/],
    ['an infinity', 5, 0xfc, /-Infinity as a log-probability/],
    ['a wrong order', 7, 0xb0, /out of order/],
  ];
  for (const [what, at, byte, message] of damaged) {
    const bytes = Uint8Array.from(good);
    bytes[at] = byte;
    const error = refusal(() => decodeTargets(bytes, encoding, 10, 1));
    assert.equal(error.code, 'data_loss', what);
    assert.match(error.message, message, what);
  }
  const truncated = refusal(() => decodeTargets(good.subarray(1), encoding, 10, 1));
  assert.match(truncated.message, /need 8 bytes, but 7 came/);
  assert.equal(refusal(() => decodeTargets(good, encoding, 10, 2 ** 40)).code, 'data_loss');
  const overfull = Uint8Array.from([3, 0, 7, 0, 0, 0x80, 0, 0x80]);
  assert.match(refusal(() => decodeTargets(overfull, encoding, 10, 1)).message, /sum to 2\.0000/);
  assert.match(
    refusal(() => decodeTargets(Uint8Array.from([0, 0xbc, 0, 0xbc]), { kind: 'dense_f16' }, 2, 1)).message,
    /should sum to 1\./,
  );
});

test('whatever bytes come, decoding gives sound targets or a DdkError', () => {
  const cases = fc.record({
    k: fc.integer({ min: -1, max: 5 }),
    vocabSize: fc.constantFrom(0, 1, 3, 5, 300, 65_536, 65_537),
    positions: fc.integer({ min: -1, max: 4 }),
    isDense: fc.boolean(),
    noise: fc.uint8Array({ minLength: 64, maxLength: 64 }),
    plausible: fc.boolean(),
  });
  let decodedOnes = 0;
  fc.assert(
    fc.property(cases, ({ k, vocabSize, positions, isDense, noise, plausible }) => {
      const encoding: TargetEncoding = isDense ? { kind: 'dense_f16' } : { kind: 'top_k', k };
      try {
        const length = positions * bytesPerPosition(encoding, vocabSize);
        const bytes = Uint8Array.from(
          { length: Math.max(0, Math.min(length, 4096)) },
          (_, i) => noise[i % 64]!,
        );
        // Small ids and log-probabilities in (-8, -2]: near enough to pass now and then.
        if (plausible)
          for (const [i, byte] of bytes.entries()) bytes[i] = i % 2 === 1 ? 0xc0 | (byte % 8) : byte % 5;
        const decoded = decodeTargets(bytes, encoding, vocabSize, positions);
        decodedOnes++;
        const width = decoded.kind === 'top_k' ? decoded.k : decoded.vocabSize;
        assert.ok(decoded.logProbs.every((logProb) => logProb <= 0 && Number.isFinite(logProb)));
        for (let p = 0; p < positions; p++) {
          assert.ok(sumOfProbs(decoded.logProbs, p * width, (p + 1) * width) <= 1 + 1e-6);
        }
        if (decoded.kind === 'top_k') assert.ok(decoded.ids.every((id) => id >= 0 && id < vocabSize));
      } catch (error) {
        if (!(error instanceof DdkError)) throw error;
      }
    }),
    { numRuns: 2000, seed: 11 },
  );
  assert.ok(decodedOnes > 0);
});
