// The mean over counted positions, and what is no loss.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Window } from '#corpus';
import { type LabelScorer, meanLoss } from '../../services/domain-evaluator/loss.js';

async function* windows(...masks: readonly (readonly number[])[]): AsyncGenerator<Window> {
  for (const mask of masks) yield { ids: new Int32Array(mask.length + 1), mask: Uint8Array.from(mask) };
}

const options = { who: 'student', domain: 'code', batch: 2, onScored: () => {} } as const;

test('positions that do not count are left out, batches are as large as they may be', async () => {
  const batches: number[] = [];
  const score: LabelScorer = async (some) => {
    batches.push(some.length);
    // -1, -2, -3 in every row.
    return Float32Array.from(some.flatMap(() => [-1, -2, -3]));
  };
  const scored: number[] = [];
  const found = await meanLoss(windows([1, 1, 1], [0, 0, 1], [1, 0, 0]), score, {
    ...options,
    onScored: (count) => scored.push(count),
  });
  // (1 + 2 + 3) + 3 + 1 over 5 positions.
  assert.deepEqual(found, { loss: 2, positions: 5 });
  assert.deepEqual(batches, [2, 1]);
  assert.deepEqual(scored, [2, 1]);
});

test('a loss that is no number and a domain without counted positions have their reasons', async () => {
  const infinite: LabelScorer = async () => Float32Array.of(Number.NEGATIVE_INFINITY);
  await assert.rejects(meanLoss(windows([1]), infinite, options), { reason: 'LOSS_NOT_FINITE' });
  await assert.rejects(meanLoss(windows([0]), infinite, options), { reason: 'DOMAIN_EMPTY' });
});

test('a broken loss comes with what to do about it: another rate for a student, another model for a teacher', async () => {
  const broken: LabelScorer = async () => Float32Array.of(Number.NaN);
  await assert.rejects(
    meanLoss(windows([1]), broken, options),
    /earlier checkpoint with a lower learning rate/,
  );
  await assert.rejects(
    meanLoss(windows([1]), broken, { ...options, who: 'teacher' }),
    /The teacher's loss on domain "code" is NaN.*give another teacher/,
  );
});
