// The bus in memory keeps the contract, on a clock moved by hand.

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '#base';
import { openMemoryBus, retryDelayMs, subjectMatches } from '#bus';
import { busContract, message, until } from './contract.js';

busContract('memory', async () => {
  const clock = new ManualClock();
  return { bus: openMemoryBus({ clock }), advance: (ms) => clock.advance(ms) };
});

test('an id is new again two minutes later', async () => {
  const clock = new ManualClock();
  const bus = openMemoryBus({ clock });
  const seen: string[] = [];
  await bus.consume('q', { concurrency: 1, ackWaitMs: 1000, maxAttempts: 1 }, async (delivery) => {
    seen.push(delivery.message.id);
    await delivery.ack();
  });
  for (const waitMs of [0, 119_000, 2_000]) {
    await clock.advance(waitMs);
    await bus.enqueue('q', message('w', 'a'));
    await clock.advance(0);
  }
  assert.deepEqual(seen, ['a', 'a']);
  await bus.close();
  assert.equal(clock.sleeping, 0);
});

test('a burst of thousands arrives in order', async () => {
  const bus = openMemoryBus();
  const seen: string[] = [];
  await bus.subscribe('a', ({ id }) => void seen.push(id));
  const ids = Array.from({ length: 5000 }, (_, n) => String(n));
  for (const id of ids) await bus.publish(message('a', id));
  await until(() => seen.length === ids.length);
  assert.deepEqual(seen, ids);
  await bus.close();
});

test('closing leaves no timer behind', async () => {
  const clock = new ManualClock();
  const bus = openMemoryBus({ clock });
  await bus.consume('q', { concurrency: 4, ackWaitMs: 1000, maxAttempts: 3 }, async (delivery) => {
    if (delivery.message.id === 'b') await delivery.nak(5000);
    if (delivery.message.id === 'c') throw new Error('failed');
  });
  for (const id of ['a', 'b', 'c']) await bus.enqueue('q', message('w', id));
  await clock.advance(1);
  assert.equal(clock.sleeping, 3);
  await bus.close();
  assert.equal(clock.sleeping, 0);
});

test('a retry waits twice as long each time, half a minute at most', () => {
  assert.deepEqual([1, 2, 3, 6, 9].map(retryDelayMs), [1000, 2000, 4000, 30_000, 30_000]);
});

test('a subject fits itself, itself with stars, and any of its beginnings with a final arrow', () => {
  const tokens = fc.array(fc.stringMatching(/^[a-c]{1,2}$/), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      tokens,
      fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      fc.nat(4),
      (parts, stars, cut) => {
        const subject = parts.join('.');
        const starred = parts.map((part, index) => (stars[index] ? '*' : part));
        assert.ok(subjectMatches(subject, subject));
        assert.ok(subjectMatches(starred.join('.'), subject));
        assert.ok(!subjectMatches([...starred, '*'].join('.'), subject));
        assert.ok(!subjectMatches([...starred, '>'].join('.'), subject));
        assert.ok(!subjectMatches([...starred.slice(0, -1), 'zz'].join('.'), subject));
        assert.ok(subjectMatches([...starred.slice(0, cut % parts.length), '>'].join('.'), subject));
      },
    ),
    { seed: 1, numRuns: 200 },
  );
});
