// Messages put by work that calls back, read as a stream.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Mailbox, streamOf } from '#rpc';
import { collect } from './echo.js';

test('a stream of work has what the work tells, in order, and ends with it', async () => {
  const told = streamOf<number>(async (tell) => {
    tell(1);
    await new Promise(setImmediate);
    tell(2);
    tell(3);
  });
  assert.deepEqual(await collect(told), [1, 2, 3]);
});

test('work that fails has its messages read first, then its error', async () => {
  const read: number[] = [];
  const told = streamOf<number>(async (tell) => {
    tell(1);
    throw new Error('no more');
  });
  await assert.rejects(async () => {
    for await (const message of told) read.push(message);
  }, /no more/);
  assert.deepEqual(read, [1]);
});

test('a reader that leaves does not end the work, and what it tells afterwards goes nowhere', async () => {
  let goOn = (): void => {};
  let ended = false;
  const told = streamOf<number>(async (tell) => {
    tell(1);
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    tell(2);
    ended = true;
    throw new Error('nobody hears of it');
  });
  for await (const message of told) {
    assert.equal(message, 1);
    break;
  }
  goOn();
  await new Promise(setImmediate);
  assert.ok(ended);
});

test('a reader that lags misses the oldest messages, or those that thinning takes', async () => {
  const plain = new Mailbox<number>({ most: 3 });
  const thinned = new Mailbox<number>({ most: 3, thin: (waiting) => waiting.filter((n) => n % 2 === 0) });
  for (const mailbox of [plain, thinned]) {
    for (let n = 1; n <= 5; n++) mailbox.put(n);
    mailbox.end();
    mailbox.put(6);
  }
  assert.deepEqual(await collect(plain), [3, 4, 5]);
  // 1 2 3 4 are thinned to 2 4; then 5 comes.
  assert.deepEqual(await collect(thinned), [2, 4, 5]);
});
