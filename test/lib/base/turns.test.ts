// One at a time.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createTurns } from '#base';

test('bodies run one after the other in order, and a failure concerns its own caller only', async () => {
  const takeTurn = createTurns();
  const events: string[] = [];
  const body =
    (name: string, fails = false) =>
    async () => {
      events.push(`${name} begins`);
      await Promise.resolve();
      events.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const [a, b, c] = await Promise.allSettled([
    takeTurn(body('a')),
    takeTurn(body('b', true)),
    takeTurn(body('c')),
  ]);
  assert.deepEqual(events, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  assert.equal(a.status === 'fulfilled' && a.value, 'a');
  assert.equal(b.status, 'rejected');
  assert.equal(c.status === 'fulfilled' && c.value, 'c');
});
