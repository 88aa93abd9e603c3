// What every bus must do, whatever is behind it. An adapter's test file calls this with its own opener.

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { DdkError } from '#base';
import { type Bus, type BusMessage, type ConsumeOptions, type Delivery, deadLetterSubject } from '#bus';

export interface Harness {
  readonly bus: Bus;
  /** Lets the time of the bus pass: by hand or by waiting. */
  advance(ms: number): Promise<void>;
}

const ackWaitMs = 600;
const defaults: ConsumeOptions = { concurrency: 1, ackWaitMs, maxAttempts: 3 };

export function message(subject: string, id: string, text = id): BusMessage {
  return { subject, id, headers: { 'ce-id': id }, data: new TextEncoder().encode(text) };
}

export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    assert.ok(tries < 2000, 'what was waited for did not happen');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Long enough for what must not happen to happen. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

const isInvalid = (error: unknown): boolean => error instanceof DdkError && error.code === 'invalid_argument';

/** Notes what arrives as `id` or `id#attempt`. */
function recorder(react: (delivery: Delivery) => Promise<void>): {
  readonly seen: string[];
  readonly deliveries: Delivery[];
  readonly handler: (delivery: Delivery) => Promise<void>;
} {
  const seen: string[] = [];
  const deliveries: Delivery[] = [];
  return {
    seen,
    deliveries,
    handler: (delivery) => {
      seen.push(`${delivery.message.id}#${delivery.attempt}`);
      deliveries.push(delivery);
      return react(delivery);
    },
  };
}

export function busContract(name: string, open: (t: TestContext) => Promise<Harness>): void {
  const check = (title: string, body: (harness: Harness) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t) => {
      const harness = await open(t);
      try {
        await body(harness);
      } finally {
        await harness.bus.close();
      }
    });
  };

  check(
    'what is published reaches every subscriber whose pattern fits, whole and in order',
    async ({ bus }) => {
      const seen: Record<string, string[]> = {};
      for (const pattern of ['ddk.events.run.paused', 'ddk.events.*.paused', 'ddk.events.>', 'ddk.*', '>']) {
        seen[pattern] = [];
        await bus.subscribe(pattern, ({ id }) => void seen[pattern]!.push(id));
      }
      await bus.publish(message('ddk.events.run.paused', '1'));
      await bus.publish(message('ddk.events.run.started', '2'));
      await bus.publish(message('ddk.events', '3'));
      await bus.publish(message('ddk.events.run.paused', '4'));
      await until(() => seen['>']!.length === 4 && seen['ddk.events.>']!.length === 3);
      await pause();
      assert.deepEqual(seen, {
        'ddk.events.run.paused': ['1', '4'],
        'ddk.events.*.paused': ['1', '4'],
        'ddk.events.>': ['1', '2', '4'],
        'ddk.*': ['3'],
        '>': ['1', '2', '3', '4'],
      });
    },
  );

  check('a message arrives as it was sent, and is the receiver’s own', async ({ bus }) => {
    const received: BusMessage[] = [];
    for (let n = 0; n < 2; n += 1)
      await bus.subscribe('a.b', (got) => {
        received.push({ ...got, data: got.data.slice() });
        got.data.fill(0);
      });
    const sent = {
      subject: 'a.b',
      id: 'x',
      headers: { 'ce-type': 'T', h: 'ä' },
      data: new Uint8Array([0, 255]),
    };
    await bus.publish(sent);
    sent.data.fill(7);
    await until(() => received.length === 2);
    for (const got of received) {
      assert.deepEqual([...got.data], [0, 255]);
      assert.equal(got.id, 'x');
      assert.equal(got.headers['ce-type'], 'T');
      assert.equal(got.headers.h, 'ä');
    }
  });

  check('one message at a time, and a failing subscriber hears the next one too', async ({ bus }) => {
    const log: string[] = [];
    await bus.subscribe('a', async ({ id }) => {
      log.push(`+${id}`);
      await pause();
      log.push(`-${id}`);
      if (id === '1') throw new Error('handler failed');
    });
    await bus.publish(message('a', '1'));
    await bus.publish(message('a', '2'));
    await until(() => log.length === 4);
    assert.deepEqual(log, ['+1', '-1', '+2', '-2']);
  });

  check(
    'a subscription that has stopped hears nothing more, and stopping waits for its handler',
    async ({ bus }) => {
      const log: string[] = [];
      const stop = await bus.subscribe('a', async ({ id }) => {
        log.push(id);
        await pause();
        log.push('done');
      });
      await bus.publish(message('a', '1'));
      await until(() => log.length === 1);
      await stop();
      assert.deepEqual(log, ['1', 'done']);
      await bus.publish(message('a', '2'));
      await pause();
      assert.deepEqual(log, ['1', 'done']);
    },
  );

  check('work waits for a consumer and goes to one of them, in order', async ({ bus }) => {
    for (let n = 1; n <= 6; n += 1) await bus.enqueue('train', message('ddk.work.train', String(n)));
    const one = recorder((delivery) => delivery.ack());
    const two = recorder((delivery) => delivery.ack());
    await bus.consume('train', defaults, one.handler);
    await until(() => one.seen.length === 6);
    assert.deepEqual(
      one.seen,
      [1, 2, 3, 4, 5, 6].map((n) => `${n}#1`),
    );
    await bus.consume('train', defaults, two.handler);
    await bus.consume('evaluate', defaults, async () => assert.fail('of another queue'));
    for (let n = 7; n <= 10; n += 1) await bus.enqueue('train', message('ddk.work.train', String(n)));
    await until(() => one.seen.length + two.seen.length === 10);
    const got = one.deliveries[0]!.message;
    assert.equal(got.subject, 'ddk.work.train');
    assert.equal(got.headers['ce-id'], '1');
    assert.equal(new TextDecoder().decode(got.data), '1');
  });

  check('the same id is the same work, also after it was done', async ({ bus }) => {
    const consumer = recorder((delivery) => delivery.ack());
    await bus.enqueue('train', message('w', 'a'));
    await bus.enqueue('train', message('w', 'a', 'other text'));
    await bus.consume('train', defaults, consumer.handler);
    await until(() => consumer.seen.length === 1);
    await bus.enqueue('train', message('w', 'a'));
    await bus.enqueue('train', message('w', 'b'));
    await until(() => consumer.seen.length === 2);
    await pause();
    assert.deepEqual(consumer.seen, ['a#1', 'b#1']);
  });

  check('no more work is under way than a consumer asked for', async ({ bus }) => {
    const consumer = recorder(() => release);
    let finish: () => void = () => {};
    const release = new Promise<void>((resolve) => {
      finish = resolve;
    });
    for (let n = 1; n <= 4; n += 1) await bus.enqueue('q', message('w', String(n)));
    const stop = await bus.consume('q', { ...defaults, concurrency: 2 }, consumer.handler);
    await until(() => consumer.seen.length === 2);
    await pause();
    assert.equal(consumer.seen.length, 2);
    for (const delivery of consumer.deliveries) await delivery.ack();
    finish();
    await until(() => consumer.seen.length === 4);
    for (const delivery of consumer.deliveries) await delivery.ack();
    await stop();
  });

  check('work whose deadline passes is given out again, with its attempt', async ({ bus, advance }) => {
    const consumer = recorder(async ({ attempt, ack }) => (attempt === 2 ? ack() : undefined));
    await bus.consume('q', defaults, consumer.handler);
    await bus.enqueue('q', message('w', 'a'));
    await until(() => consumer.seen.length === 1);
    await advance(ackWaitMs + 100);
    await until(() => consumer.seen.length === 2);
    await advance(2 * ackWaitMs);
    await pause();
    assert.deepEqual(consumer.seen, ['a#1', 'a#2']);
  });

  check('work that is reported under way keeps its deadline moving', async ({ bus, advance }) => {
    const consumer = recorder(async () => {});
    await bus.consume('q', defaults, consumer.handler);
    await bus.enqueue('q', message('w', 'a'));
    await until(() => consumer.seen.length === 1);
    for (let n = 0; n < 3; n += 1) {
      await advance(ackWaitMs * 0.6);
      await consumer.deliveries[0]!.working();
    }
    assert.deepEqual(consumer.seen, ['a#1']);
    await consumer.deliveries[0]!.ack();
    await advance(2 * ackWaitMs);
    assert.deepEqual(consumer.seen, ['a#1']);
  });

  check('work that is returned comes back after its delay', async ({ bus, advance }) => {
    const consumer = recorder(async ({ attempt, nak, ack }) => (attempt === 1 ? nak(300) : ack()));
    await bus.consume('q', defaults, consumer.handler);
    await bus.enqueue('q', message('w', 'a'));
    await until(() => consumer.seen.length === 1);
    await pause();
    assert.deepEqual(consumer.seen, ['a#1']);
    await advance(400);
    await until(() => consumer.seen.length === 2);
    assert.deepEqual(consumer.seen, ['a#1', 'a#2']);
  });

  check('work whose handler throws comes back after a while', async ({ bus, advance }) => {
    const consumer = recorder(async ({ attempt, ack }) => {
      if (attempt === 1) throw new Error('failed');
      await ack();
    });
    await bus.consume('q', { ...defaults, ackWaitMs: 60_000 }, consumer.handler);
    await bus.enqueue('q', message('w', 'a'));
    await until(() => consumer.seen.length === 1);
    await pause();
    assert.deepEqual(consumer.seen, ['a#1']);
    await advance(1100);
    await until(() => consumer.seen.length === 2);
  });

  check(
    'an acknowledgement that comes too late still counts, which is why it proves nothing',
    async ({ bus, advance }) => {
      const consumer = recorder(async () => {});
      await bus.consume('q', { ...defaults, concurrency: 2 }, consumer.handler);
      await bus.enqueue('q', message('w', 'a'));
      await until(() => consumer.seen.length === 1);
      await advance(ackWaitMs + 100);
      await until(() => consumer.seen.length === 2);
      await consumer.deliveries[0]!.ack();
      await consumer.deliveries[1]!.ack();
      await advance(2 * ackWaitMs);
      await pause();
      assert.deepEqual(consumer.seen, ['a#1', 'a#2']);
    },
  );

  check('work that fails every attempt becomes a dead letter that says why', async ({ bus, advance }) => {
    const dead: BusMessage[] = [];
    await bus.subscribe(deadLetterSubject('q'), (letter) => void dead.push(letter));
    const consumer = recorder(async ({ attempt, nak }) => (attempt === 1 ? nak() : undefined));
    await bus.consume('q', { ...defaults, maxAttempts: 2 }, consumer.handler);
    await bus.enqueue('q', message('w.x', 'a', 'payload'));
    await until(() => consumer.seen.length === 2);
    await advance(ackWaitMs + 100);
    await until(() => dead.length === 1);
    await advance(2 * ackWaitMs);
    assert.deepEqual(consumer.seen, ['a#1', 'a#2']);
    const { headers, id, data } = dead[0]!;
    assert.equal(id, 'a');
    assert.equal(new TextDecoder().decode(data), 'payload');
    assert.equal(headers['ce-id'], 'a');
    assert.equal(headers['ddk-dead-attempts'], '2');
    assert.equal(headers['ddk-dead-subject'], 'w.x');
    assert.match(headers['ddk-dead-reason'] ?? '', /2 attempts/);
  });

  check('work that nobody can do is a dead letter at once', async ({ bus, advance }) => {
    const dead: BusMessage[] = [];
    await bus.subscribe('ddk.dead.*', (letter) => void dead.push(letter));
    const consumer = recorder((delivery) => delivery.terminate('the run\nis unknown'));
    await bus.consume('q', defaults, consumer.handler);
    await bus.enqueue('q', message('w', 'a'));
    await until(() => dead.length === 1);
    assert.equal(dead[0]!.headers['ddk-dead-reason'], 'the run is unknown');
    await advance(2 * ackWaitMs);
    await pause();
    assert.deepEqual(consumer.seen, ['a#1']);
    assert.equal(dead.length, 1);
  });

  check(
    'a consumer that stops takes nothing more, finishes what it has, and leaves the rest to others',
    async ({ bus }) => {
      const first = recorder(async ({ ack }) => {
        await pause();
        await ack();
      });
      const stop = await bus.consume('q', defaults, first.handler);
      await bus.enqueue('q', message('w', 'a'));
      await bus.enqueue('q', message('w', 'b'));
      await until(() => first.seen.length === 1);
      await stop();
      const second = recorder(({ ack }) => ack());
      await bus.consume('q', defaults, second.handler);
      await until(() => second.seen.length === 1);
      assert.deepEqual([first.seen, second.seen], [['a#1'], ['b#1']]);
    },
  );

  check('what is not a subject, a pattern, a queue, an id or a header is refused', async ({ bus }) => {
    const good = message('a', 'x');
    for (const subject of ['', '.', 'a.', 'a..b', 'a b', 'a.*', '>', 'a\n', 'é', 'a'.repeat(300)]) {
      await assert.rejects(bus.publish({ ...good, subject }), isInvalid, subject);
      await assert.rejects(bus.enqueue('q', { ...good, subject }), isInvalid, subject);
    }
    for (const id of ['', 'a b', 'a\nb']) await assert.rejects(bus.publish({ ...good, id }), isInvalid, id);
    for (const headers of [{ 'a b': '' }, { a: 'x\r\nb: y' }, { '': 'x' }, { a: 'x'.repeat(20_000) }])
      await assert.rejects(bus.publish({ ...good, headers }), isInvalid);
    await assert.rejects(bus.publish({ ...good, data: new Uint8Array(1_000_001) }), isInvalid);
    for (const pattern of ['', 'a.>.b', '>.a', 'a*', 'a..*'])
      await assert.rejects(
        bus.subscribe(pattern, () => {}),
        isInvalid,
        pattern,
      );
    for (const queue of ['', 'a.b', '*', 'a b'])
      await assert.rejects(
        bus.consume(queue, defaults, async () => {}),
        isInvalid,
        queue,
      );
  });

  check('a bus is healthy until it is closed', async ({ bus }) => {
    await bus.check();
    await bus.close();
    const closed = (error: unknown): boolean => error instanceof DdkError && error.code === 'unavailable';
    await assert.rejects(bus.check(), closed);
    await assert.rejects(bus.publish(message('a', 'x')), closed);
  });
}
