// Work that is done some pieces at a time.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inGroups } from '#base';

const items = Array.from({ length: 10 }, (_, i) => i);

test('results come in the order of the items, of no more than a group at once', async () => {
  let running = 0;
  let most = 0;
  const results = await inGroups(items, 3, async (item, index) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = item; turn < 10; turn++) await nextTurn();
    running -= 1;
    return [item, index];
  });
  assert.deepEqual(
    results,
    items.map((item) => [item, item]),
  );
  assert.equal(most, 3);
});

test('others have a turn between two groups, even where nothing is waited for', async () => {
  const order: string[] = [];
  const others = (async () => {
    for (let turn = 0; turn < 4; turn++) {
      await nextTurn();
      order.push('others');
    }
  })();
  await inGroups(items, 5, (item) => void order.push(String(item)));
  await others;
  assert.ok(order.indexOf('others') < order.indexOf('5'), order.join(' '));
  assert.equal(order.indexOf('4'), 4);
});

test('a failure is told, and nothing begins after its group', async () => {
  const begun: number[] = [];
  const failing = inGroups(items, 4, async (item) => {
    begun.push(item);
    if (item === 5) throw new Error('five');
  });
  await assert.rejects(failing, /five/);
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6, 7]);
});
