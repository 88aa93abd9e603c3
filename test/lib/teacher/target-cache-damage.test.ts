// Targets kept on disk when files are damaged, half written, of another form, or cannot be written: never wrong, at most missing.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { ManualClock, silentLogger } from '#base';
import { openTargetCache } from '#teacher';
import { temporaryFolder } from '../../support/temporary-folder.js';
import {
  age,
  isOneOf,
  keyOf,
  onDisk,
  openCache,
  payloadOf,
  recordingLogger,
  segmentsOf,
  watchWrites,
} from './caches.js';

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

test('a group whose head is damaged is lost with what follows, and said so when the cache is opened', async (t) => {
  const folder = await temporaryFolder(t);
  const cache = await openTargetCache({ folder, logger: silentLogger });
  for (const i of [0, 1, 2]) await cache.put(keyOf(i), payloadOf(i));
  await cache.close();
  const [file] = segmentsOf(folder);
  const bytes = readFileSync(file!);
  bytes[bytes.indexOf(Buffer.from(keyOf(1), 'hex'))]! ^= 1;
  writeFileSync(file!, bytes);
  const { logger, warnings } = recordingLogger();
  const reopened = await openCache(t, { folder, logger });
  assert.deepEqual(warnings, ['the end of a file of targets is damaged']);
  assert.ok(await reopened.get(keyOf(0)));
  for (const i of [1, 2]) assert.equal(await reopened.get(keyOf(i)), undefined);
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
