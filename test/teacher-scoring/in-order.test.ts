// Results in order, a bounded number in hand.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { inOrder } from '../../services/teacher-scoring/in-order.js';

async function* count(to: number, seen: (i: number) => void = () => {}): AsyncGenerator<number> {
  for (let i = 0; i < to; i += 1) {
    seen(i);
    yield i;
  }
}

test('results keep the order of their items though later ones are ready first', async () => {
  const results: number[] = [];
  for await (const result of inOrder(count(6), 3, async (i) => {
    await delay(i % 2 === 0 ? 8 : 0);
    return i;
  })) {
    results.push(result);
  }
  assert.deepEqual(results, [0, 1, 2, 3, 4, 5]);
});

test('no more than the given number is in hand', async () => {
  let inHand = 0;
  let most = 0;
  for await (const _ of inOrder(count(20), 3, async (i) => {
    inHand += 1;
    most = Math.max(most, inHand);
    await delay(1);
    return i;
  })) {
    inHand -= 1;
  }
  assert.equal(most, 3);
});

test('what was in hand is passed on before the failure of the source', async () => {
  async function* broken(): AsyncGenerator<number> {
    yield 1;
    yield 2;
    throw new Error('the source broke');
  }
  const results: number[] = [];
  await assert.rejects(async () => {
    for await (const result of inOrder(broken(), 4, async (i) => i)) results.push(result);
  }, /the source broke/);
  assert.deepEqual(results, [1, 2]);
});

test('a failed piece of work ends it when its turn comes, and the source is read no further', async () => {
  let last = -1;
  const results: number[] = [];
  await assert.rejects(async () => {
    const source = count(100, (i) => {
      last = i;
    });
    for await (const result of inOrder(source, 2, async (i) => {
      if (i === 3) throw new Error('three');
      return i;
    })) {
      results.push(result);
    }
  }, /three/);
  assert.deepEqual(results, [0, 1, 2]);
  await delay(5);
  assert.ok(last < 8, `read up to ${last}`);
});
