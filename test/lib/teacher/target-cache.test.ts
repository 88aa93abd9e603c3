// Targets kept on disk: what was put comes back or is missing, never wrong, whatever happened to the files.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { keyedUint32, type Logger, ManualClock, sha256Hex, silentLogger } from '#base';
import { openTargetCache } from '#teacher';
import { temporaryFolder } from '../../support/temporary-folder.js';

const keyOf = (i: number): string => sha256Hex(`key ${i}`);

/** Bytes that follow from the key and the version of what is kept under it. */
function payloadOf(i: number, version = 0, bytes = 100 + (i % 7)): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => keyedUint32(version, 'payload', i, at));
}

function isOneOf(found: Uint8Array, allowed: readonly Uint8Array[]): boolean {
  return allowed.some((one) => Buffer.from(one).equals(found));
}

interface Settings {
  readonly folder: string;
  readonly maxBytes?: number;
  readonly maxEntries?: number;
  readonly logger?: Logger;
  readonly clock?: ManualClock;
}

async function openCache(t: TestContext, { logger = silentLogger, ...settings }: Settings) {
  const cache = await openTargetCache({ ...settings, logger });
  t.after(() => cache.close());
  return cache;
}

function recordingLogger() {
  const warnings: string[] = [];
  const logger: Logger = Object.create(silentLogger, {
    warn: { value: (_: object, message: string) => warnings.push(message) },
  });
  return { logger, warnings };
}

const segmentsOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.targets'))
    .map((name) => path.join(folder, name));

const onDisk = (folder: string): number =>
  segmentsOf(folder).reduce((sum, file) => sum + statSync(file).size, 0);

/** As if nobody had written to them for an hour. */
function age(folder: string): void {
  const then = Date.now() / 1000 - 3600;
  for (const file of segmentsOf(folder)) utimesSync(file, then, then);
}

test('what was put is found, by this process and by those that open the cache later', async (t) => {
  const folder = path.join(await temporaryFolder(t), 'not', 'there', 'yet');
  const cache = await openCache(t, { folder });
  const keys = Array.from({ length: 40 }, (_, i) => i);
  await Promise.all(keys.map((i) => cache.put(keyOf(i), payloadOf(i))));
  await cache.put(keyOf(40), new Uint8Array(0));
  await cache.put(keyOf(3), payloadOf(3, 1));
  for (const one of [cache, await openCache(t, { folder })]) {
    for (const i of keys) {
      assert.deepEqual(Buffer.from((await one.get(keyOf(i)))!), Buffer.from(payloadOf(i, i === 3 ? 1 : 0)));
    }
    assert.equal((await one.get(keyOf(40)))?.byteLength, 0);
    assert.equal(await one.get(keyOf(41)), undefined);
    assert.equal(one.bytes, onDisk(folder));
  }
});

test('a miss touches no file, and what is put in one turn is one write', async (t) => {
  const folder = await temporaryFolder(t);
  const cache = await openCache(t, { folder });
  await cache.put(keyOf(0), payloadOf(0));
  const writes = await watchWrites(t, folder);
  await Promise.all([1, 2, 3, 4, 5].map((i) => cache.put(keyOf(i), payloadOf(i))));
  assert.equal(writes.mock.callCount(), 1);
  // With its files gone, only what was kept can tell.
  rmSync(folder, { recursive: true });
  assert.equal(await cache.get(keyOf(99)), undefined);
});

test('what was put comes back or is missing, never wrong, whatever byte of a file is changed or lost', async (t) => {
  const pristine = await temporaryFolder(t);
  const written = await openTargetCache({ folder: pristine, logger: silentLogger });
  for (const group of [[0], [1, 2, 3], [4, 5], [6]]) {
    await Promise.all(group.map((i) => written.put(keyOf(i), payloadOf(i))));
  }
  await written.close();
  const size = onDisk(pristine);
  const harm = fc.oneof(
    fc.record({
      kind: fc.constant('flip' as const),
      at: fc.nat(size - 1),
      bits: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat(size) }),
    fc.record({
      kind: fc.constant('append' as const),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(harm, { minLength: 1, maxLength: 3 }), fc.boolean(), async (harms, isOld) => {
      const folder = await temporaryFolder(t);
      cpSync(pristine, folder, { recursive: true });
      const [file] = segmentsOf(folder);
      assert(file);
      for (const one of harms) {
        const bytes = readFileSync(file);
        if (one.kind === 'cut') writeFileSync(file, bytes.subarray(0, one.at));
        else if (one.kind === 'append') appendFileSync(file, one.bytes);
        else {
          if (one.at < bytes.length) bytes[one.at]! ^= one.bits;
          writeFileSync(file, bytes);
        }
      }
      if (isOld) age(folder);
      // Harm that was found and dropped is gone: the second time there is nothing to warn of but single entries.
      for (let opened = 0; opened < 2; opened++) {
        const { logger, warnings } = recordingLogger();
        const cache = await openTargetCache({ folder, logger });
        if (isOld && opened === 1) assert.deepEqual(warnings, []);
        for (let i = 0; i < 7; i++) {
          const found = await cache.get(keyOf(i));
          assert(found === undefined || isOneOf(found, [payloadOf(i)]), `entry ${i} is wrong`);
        }
        await cache.put(keyOf(7), payloadOf(7));
        assert(isOneOf((await cache.get(keyOf(7)))!, [payloadOf(7)]));
        await cache.close();
      }
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('of a segment that was cut short the whole groups stay, and the rest is said to be lost', async (t) => {
  const folder = await temporaryFolder(t);
  const cache = await openTargetCache({ folder, logger: silentLogger });
  for (const i of [0, 1, 2]) await cache.put(keyOf(i), payloadOf(i));
  await cache.close();
  const [file] = segmentsOf(folder);
  truncateSync(file!, statSync(file!).size - 1);
  age(folder);
  const { logger, warnings } = recordingLogger();
  const reopened = await openCache(t, { folder, logger });
  assert.deepEqual(warnings, ['the end of a file of targets is damaged']);
  assert.ok(await reopened.get(keyOf(0)));
  assert.ok(await reopened.get(keyOf(1)));
  assert.equal(await reopened.get(keyOf(2)), undefined);
  assert.equal(reopened.bytes, onDisk(folder));
});

test('a group that another process is writing is neither damaged nor there, and found once it is whole', async (t) => {
  const [theirs, folder] = [await temporaryFolder(t), await temporaryFolder(t)];
  const other = await openTargetCache({ folder: theirs, logger: silentLogger });
  for (const i of [0, 1]) await other.put(keyOf(i), payloadOf(i));
  await other.close();
  const [file] = segmentsOf(theirs);
  const bytes = readFileSync(file!);
  const growing = path.join(folder, path.basename(file!));
  const { logger, warnings } = recordingLogger();
  const cache = await openCache(t, { folder, logger });
  for (const length of [0, 5, 60, bytes.length - 1]) {
    writeFileSync(growing, bytes.subarray(0, length));
    await cache.refresh();
    assert.equal(await cache.get(keyOf(1)), undefined);
  }
  assert.ok(await cache.get(keyOf(0)));
  writeFileSync(growing, bytes);
  await cache.refresh();
  assert(isOneOf((await cache.get(keyOf(1)))!, [payloadOf(1)]));
  assert.deepEqual(warnings, []);
});

test('several caches share one folder: each finds what it kept itself, and after a refresh what the others did', async (t) => {
  const folder = await temporaryFolder(t);
  const caches = [await openCache(t, { folder }), await openCache(t, { folder })];
  const [a, b] = [caches[0]!, caches[1]!];
  for (let round = 0; round < 3; round++) {
    const [mine, yours, both] = [3 * round, 3 * round + 1, 3 * round + 2];
    await Promise.all([
      a.put(keyOf(mine), payloadOf(mine)),
      b.put(keyOf(yours), payloadOf(yours)),
      a.put(keyOf(both), payloadOf(both)),
      b.put(keyOf(both), payloadOf(both)),
    ]);
    assert.ok((await a.get(keyOf(mine))) && (await b.get(keyOf(yours))));
    assert.equal(await a.get(keyOf(yours)), undefined);
    await Promise.all(caches.map((cache) => cache.refresh()));
    for (const cache of caches) {
      for (const i of [mine, yours, both]) assert(isOneOf((await cache.get(keyOf(i)))!, [payloadOf(i)]));
    }
  }
  assert.equal(segmentsOf(folder).length, 2);
  assert.equal(a.bytes, onDisk(folder));
  assert.equal(b.bytes, onDisk(folder));
});

test('the bound in bytes holds after every put, and what was used last stays', async (t) => {
  const folder = await temporaryFolder(t);
  const maxBytes = 16 * 1024;
  const cache = await openCache(t, { folder, maxBytes });
  // Segments of 1 KiB hold a few of these each.
  await cache.put(keyOf(0), payloadOf(0));
  for (let i = 1; i < 400; i++) {
    await cache.put(keyOf(i), payloadOf(i));
    assert.ok(cache.bytes <= maxBytes);
    assert.equal(cache.bytes, onDisk(folder));
    assert.ok(await cache.get(keyOf(0)), 'it is used all the time');
  }
  assert.ok(cache.bytes > maxBytes / 2);
  assert.equal(await cache.get(keyOf(10)), undefined);
  assert.ok(await cache.get(keyOf(399)));
  await cache.put(keyOf(400), new Uint8Array(maxBytes));
  assert.equal(await cache.get(keyOf(400)), undefined, 'larger than the cache');
  await cache.put(keyOf(401), payloadOf(401, 0, maxBytes / 2));
  assert.ok(await cache.get(keyOf(401)), 'larger than a segment');
  const reopened = await openCache(t, { folder, maxBytes: maxBytes / 4 });
  assert.ok(reopened.bytes <= maxBytes / 4);
  assert.equal(reopened.bytes, onDisk(folder));
});

test('the bound in entries holds too, and so many puts at once are several groups', async (t) => {
  const folder = await temporaryFolder(t);
  const cache = await openCache(t, { folder, maxEntries: 160 });
  await Promise.all(Array.from({ length: 2000 }, (_, i) => cache.put(keyOf(i), payloadOf(i, 0, 8))));
  const kept = [];
  for (let i = 0; i < 2000; i++) if (await cache.get(keyOf(i))) kept.push(i);
  assert.ok(kept.length <= 170 && kept.length >= 150, `${kept.length} are kept`);
  assert.equal(kept.at(-1), 1999);
});

test('a segment that was used lately is the last to go, also for those who open the cache later', async (t) => {
  const folder = await temporaryFolder(t);
  for (const i of [0, 1, 2]) {
    const cache = await openTargetCache({ folder, logger: silentLogger });
    await cache.put(keyOf(i), payloadOf(i, 0, 1000));
    await cache.close();
  }
  age(folder);
  const reader = await openTargetCache({ folder, logger: silentLogger });
  assert.ok(await reader.get(keyOf(1)));
  await reader.close();
  const cache = await openCache(t, { folder, maxBytes: 1500 });
  assert.ok(await cache.get(keyOf(1)));
  assert.equal(await cache.get(keyOf(0)), undefined);
  assert.equal(await cache.get(keyOf(2)), undefined);
});

test('what another process removes is missed, harms nobody, and what it had open stays readable', async (t) => {
  const folder = await temporaryFolder(t);
  const writer = await openCache(t, { folder });
  await writer.put(keyOf(0), payloadOf(0));
  const reader = await openCache(t, { folder });
  rmSync(folder, { recursive: true });
  assert.equal(await reader.get(keyOf(0)), undefined);
  assert.ok(await writer.get(keyOf(0)));
  await writer.refresh();
  assert.equal(await writer.get(keyOf(0)), undefined);
  assert.equal(writer.bytes, 0);
  await writer.put(keyOf(0), payloadOf(0));
  await reader.refresh();
  assert.ok(await reader.get(keyOf(0)));
});

test('a folder that cannot be written to is said once and tried again later', async (t) => {
  const folder = path.join(await temporaryFolder(t), 'targets');
  const clock = new ManualClock(Date.now());
  const { logger, warnings } = recordingLogger();
  const cache = await openCache(t, { folder, logger, clock });
  writeFileSync(folder, 'a file where the folder should be');
  for (const i of [0, 1, 2]) await cache.put(keyOf(i), payloadOf(i));
  assert.deepEqual(warnings, ['targets cannot be kept on disk']);
  rmSync(folder);
  await cache.put(keyOf(3), payloadOf(3));
  assert.equal(await cache.get(keyOf(3)), undefined);
  await clock.advance(60_000);
  await cache.put(keyOf(4), payloadOf(4));
  assert.ok(await cache.get(keyOf(4)));
  assert.equal(warnings.length, 1);
});

test('a folder that cannot be read is said once, and the cache is empty', async (t) => {
  const folder = path.join(await temporaryFolder(t), 'targets');
  writeFileSync(folder, 'a file where the folder should be');
  const { logger, warnings } = recordingLogger();
  const cache = await openCache(t, { folder, logger });
  await cache.put(keyOf(0), payloadOf(0));
  await cache.refresh();
  assert.equal(await cache.get(keyOf(0)), undefined);
  assert.deepEqual(warnings, ['targets kept on disk cannot be read']);
});

test('a disk that fills up in the middle of a group loses that group alone', async (t) => {
  const folder = await temporaryFolder(t);
  const clock = new ManualClock(Date.now());
  const { logger, warnings } = recordingLogger();
  const cache = await openCache(t, { folder, logger, clock });
  await cache.put(keyOf(0), payloadOf(0));
  const whole = onDisk(folder);
  const writes = await watchWrites(t, folder);
  writes.mock.mockImplementationOnce(async function (this: { appendFile(b: Uint8Array): Promise<void> }) {
    await this.appendFile(new Uint8Array(50));
    return { bytesWritten: 50, buffers: [] };
  });
  await cache.put(keyOf(1), payloadOf(1));
  assert.deepEqual(warnings, ['targets cannot be kept on disk']);
  assert.equal(onDisk(folder), whole);
  assert.equal(await cache.get(keyOf(1)), undefined);
  assert.ok(await cache.get(keyOf(0)));
  await clock.advance(60_000);
  await cache.put(keyOf(2), payloadOf(2));
  const reopened = await openCache(t, { folder, logger });
  for (const one of [cache, reopened]) for (const i of [0, 2]) assert.ok(await one.get(keyOf(i)));
  assert.equal(warnings.length, 1);
});

test('files of other forms are taken away or left alone, and nothing is read from them', async (t) => {
  const folder = await temporaryFolder(t);
  const key = keyOf(0);
  mkdirSync(path.join(folder, key.slice(0, 2)));
  writeFileSync(path.join(folder, key.slice(0, 2), key), new Uint8Array(500));
  writeFileSync(path.join(folder, 'notes.txt'), 'somebody else’s');
  const { logger, warnings } = recordingLogger();
  const cache = await openCache(t, { folder, logger });
  assert.equal(await cache.get(key), undefined);
  assert.equal(cache.bytes, 0);
  await cache.put(key, payloadOf(0));
  assert.ok(await cache.get(key));
  assert.equal(existsSync(path.join(folder, key.slice(0, 2))), false);
  assert.equal(existsSync(path.join(folder, 'notes.txt')), true);
  assert.deepEqual(warnings, []);
});

test('closing waits for what was put, and afterwards nothing is found or kept', async (t) => {
  const folder = await temporaryFolder(t);
  const cache = await openTargetCache({ folder, logger: silentLogger });
  const put = cache.put(keyOf(0), payloadOf(0));
  await cache.close();
  await put;
  await cache.put(keyOf(1), payloadOf(1));
  await cache.refresh();
  assert.equal(await cache.get(keyOf(0)), undefined);
  const reopened = await openCache(t, { folder });
  assert.ok(await reopened.get(keyOf(0)));
  assert.equal(await reopened.get(keyOf(1)), undefined);
});

/** The writes of all open files, which go on as they are. */
async function watchWrites(t: TestContext, folder: string) {
  const handle = await open(segmentsOf(folder)[0]!, 'r');
  const prototype = Object.getPrototypeOf(handle) as { writev(...all: unknown[]): Promise<unknown> };
  await handle.close();
  return t.mock.method(prototype, 'writev');
}
