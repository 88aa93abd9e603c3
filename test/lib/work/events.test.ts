// Events and work items on the bus.
import assert from 'node:assert/strict';
import test from 'node:test';
import { silentLogger } from '#base';
import { type BusMessage, openMemoryBus } from '#bus';
import type { WorkItem } from '#proto/ddk/v1/events';
import { consumeWork, decodeRunEvent, enqueueWork, publishRunEvent, runEventSubject } from '#work';

test('an event has CloudEvents headers, its subject, and the same id when it is told again', async () => {
  const bus = openMemoryBus();
  const heard: BusMessage[] = [];
  await bus.subscribe(runEventSubject('*', '>'), (message) => void heard.push(message));
  const kind = {
    $case: 'intervalTrained',
    value: { interval: 1, attempt: 2, step: 8, checkpointDigest: 'sha256:x' },
  } as const;
  await publishRunEvent(bus, 'ddk/test', 'r-1', kind);
  await publishRunEvent(bus, 'ddk/test', 'r-1', kind);
  await bus.close();
  assert.equal(heard.length, 2);
  const [first, second] = heard;
  assert.equal(first?.subject, 'ddk.event.r-1.interval-trained');
  assert.equal(first?.headers['ce-type'], 'ddk.v1.interval-trained');
  assert.equal(first?.headers['ce-source'], 'ddk/test');
  assert.equal(first?.id, second?.id);
  assert.deepEqual(decodeRunEvent(first!)?.kind, kind);
});

test('an event of a later format is passed over, bytes that are none are refused', async () => {
  const message = (data: Uint8Array): BusMessage => ({ subject: 's', id: 'i', headers: {}, data });
  // Field 1 (format_version) = 99.
  assert.equal(decodeRunEvent(message(Uint8Array.of(8, 99))), undefined);
  // A length-delimited field that is longer than the message.
  assert.throws(() => decodeRunEvent(message(Uint8Array.of(18, 200))), { code: 'invalid_argument' });
});

test('an item reaches one consumer, once however often it is queued, and a refused record is not retried', async () => {
  const bus = openMemoryBus();
  const items: WorkItem[] = [];
  const done = new Promise<void>((resolve) => {
    void consumeWork(bus, 'train', silentLogger, async (item) => {
      items.push(item);
      if (items.length === 2) resolve();
      throw new Error('the record says why');
    });
  });
  await enqueueWork(bus, 'train', { runId: 'r', interval: 0, attempt: 1 });
  await enqueueWork(bus, 'train', { runId: 'r', interval: 0, attempt: 1 });
  await enqueueWork(bus, 'train', { runId: 'r', interval: 0, attempt: 2 });
  await done;
  await bus.close();
  assert.deepEqual(
    items.map((i) => i.attempt),
    [1, 2],
  );
});
