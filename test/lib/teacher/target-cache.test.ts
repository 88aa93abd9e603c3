// Targets kept on disk: what was put is found again, by whom, for how long, and at what cost.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, utimesSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { silentLogger } from '#base';
import { openTargetCache } from '#teacher';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { age, isOneOf, keyOf, onDisk, openCache, payloadOf, segmentsOf, watchWrites } from './caches.js';

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
  const putLater = async (i: number): Promise<void> => {
    for (let tick = 0; tick < 3 * i; tick++) await undefined;
    await cache.put(keyOf(i), payloadOf(i));
  };
  await Promise.all([1, 2, 3, 4, 5].map(putLater));
  assert.equal(writes.mock.callCount(), 1);
  // With its files gone, only what was kept can tell.
  rmSync(folder, { recursive: true });
  assert.equal(await cache.get(keyOf(99)), undefined);
});

test('whatever two caches of one folder do, each finds what it has just put, and else something once put there or nothing', async (t) => {
  const entry = fc.nat(11);
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('put' as const), entries: fc.array(entry, { maxLength: 5 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('refresh' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), which: fc.nat() }) },
  );
  const turns = fc.array(fc.record({ who: fc.nat(1), step }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(turns, async (taken) => {
      const folder = await temporaryFolder(t);
      const settings = { folder, maxBytes: 8192, maxEntries: 64, logger: silentLogger };
      const caches = [await openTargetCache(settings), await openTargetCache(settings)];
      /** What was ever put under each key. */
      const versions = new Map<number, Uint8Array[]>();
      let version = 0;
      for (const { who, step } of taken) {
        const cache = caches[who]!;
        if (step.kind === 'put') {
          version += 1;
          const entries = [...new Set(step.entries)];
          const put = entries.map((i) => {
            const payload = payloadOf(i, version);
            versions.set(i, [...(versions.get(i) ?? []), payload]);
            return cache.put(keyOf(i), payload);
          });
          await Promise.all(put);
          for (const i of entries) {
            const found = await cache.get(keyOf(i));
            assert(found && isOneOf(found, versions.get(i)!.slice(-1)), 'just put');
          }
          assert(cache.bytes <= settings.maxBytes);
        } else if (step.kind === 'refresh') {
          await cache.refresh();
        } else if (step.kind === 'reopen') {
          await cache.close();
          caches[who] = await openTargetCache(settings);
        } else {
          const files = segmentsOf(folder);
          if (files.length > 0) rmSync(files[step.which % files.length]!);
        }
        for (const one of caches) {
          for (let i = 0; i < 12; i++) {
            const found = await one.get(keyOf(i));
            assert(found === undefined || isOneOf(found, versions.get(i) ?? []), `entry ${i} was never that`);
          }
        }
      }
      for (const one of caches) await one.close();
    }),
    { numRuns: 60, seed: 2 },
  );
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

test('the segment that is being written stays, though others were used after it', async (t) => {
  const cache = await openCache(t, { folder: await temporaryFolder(t), maxBytes: 16 * 1024 });
  await cache.put(keyOf(0), payloadOf(0, 0, 15_700));
  await cache.put(keyOf(1), payloadOf(1, 0, 200));
  assert.ok(await cache.get(keyOf(0)));
  await cache.put(keyOf(2), payloadOf(2, 0, 200));
  assert.ok((await cache.get(keyOf(1))) && (await cache.get(keyOf(2))));
  assert.equal(await cache.get(keyOf(0)), undefined);
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
  // By their files alone the one that is read below would go first.
  age(folder);
  const [oldest] = segmentsOf(folder).filter((file) =>
    readFileSync(file).includes(Buffer.from(keyOf(1), 'hex')),
  );
  utimesSync(oldest!, 0, 0);
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
