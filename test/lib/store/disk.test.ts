// The store on disk keeps the contract, with several processes at once, and tells the truth about a broken disk.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fsPromises, {
  appendFile,
  type FileHandle,
  open,
  readdir,
  readFile,
  rename,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isConflict, openDiskStore } from '#store';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { bytesOf, collect, hasCode, storeContract, textOf } from './contract.js';

/** Those that mocks stand in for. */
const realLink = fsPromises.link;
const realStat = fsPromises.stat;

storeContract('disk', async (t) => openDiskStore(await temporaryFolder(t), { pollMs: 10 }));

test('what is put again while it is being deleted as old is there afterwards', async (t) => {
  const folder = await temporaryFolder(t);
  const { artifacts } = await openDiskStore(folder);
  const { digest } = await artifacts.put(bytesOf('wanted'));
  const path = await artifacts.localPath(digest);
  const old = new Date(Date.now() - 3_600_000);
  await utimes(path, old, old);
  let looked = false;
  t.mock.method(fsPromises, 'stat', async (...args: Parameters<typeof realStat>) => {
    const found = await realStat(...args);
    if (looked || args[0] !== path) return found;
    // It was old when it was looked at; then it is put again.
    looked = true;
    await artifacts.put(bytesOf('wanted'));
    return found;
  });
  syncBuiltinESMExports();
  await artifacts.delete(digest, { unlessPutSinceMs: old.getTime() });
  t.mock.restoreAll();
  syncBuiltinESMExports();
  assert.ok(looked);
  assert.equal(textOf(await artifacts.bytes(digest, { maxBytes: 9 })), 'wanted');
  assert.deepEqual(await readdir(join(folder, 'tmp')), []);
  await utimes(path, old, old);
  await artifacts.delete(digest, { unlessPutSinceMs: old.getTime() });
  assert.equal(await artifacts.has(digest), false);
});

const counterProcess = fileURLToPath(new URL('./counter-process.js', import.meta.url));

test('four processes that increment one record lose no increment', async (t) => {
  const folder = await temporaryFolder(t);
  const times = 30;
  const runs = Array.from({ length: 4 }, () =>
    promisify(execFile)(process.execPath, [counterProcess, folder, 'counter', String(times)]),
  );
  // A reader at the same time never sees a torn value or a step back, while old revisions are pruned under it.
  const { records } = await openDiskStore(folder);
  let running = true;
  const reading = (async () => {
    let last = 0;
    let lastRevision = 0;
    while (running) {
      const record = await records.get('counter');
      const value = Number(textOf(record?.value ?? bytesOf('0')));
      assert.ok(Number.isInteger(value) && value >= last, `${last} then ${value}`);
      assert.ok((record?.revision ?? 0) >= lastRevision);
      last = value;
      lastRevision = record?.revision ?? 0;
    }
  })();
  await Promise.all(runs);
  running = false;
  await reading;
  const record = await records.get('counter');
  assert.equal(textOf(record?.value), String(4 * times));
  assert.equal(record?.revision, 4 * times);
  assert.ok((await readdir(join(folder, 'records/counter/@'))).length <= 12, 'old revisions are pruned');
  assert.deepEqual(await readdir(join(folder, 'tmp')), []);
});

test('a watch sees the last change of another process', async (t) => {
  const folder = await temporaryFolder(t);
  const { records } = await openDiskStore(folder, { pollMs: 10 });
  const controller = new AbortController();
  const run = promisify(execFile)(process.execPath, [counterProcess, folder, 'runs/counter', '15']);
  for await (const record of records.watch('runs/counter', controller.signal))
    if (textOf(record.value) === '15') controller.abort();
  await run;
});

async function killedAt(folder: string, failpoint: string): Promise<void> {
  const signal = await new Promise((resolve) => {
    const child = spawn(process.execPath, [counterProcess, folder, 'counter', '9'], {
      env: { ...process.env, DDK_FAILPOINT: failpoint },
    });
    child.on('exit', (_, signal) => resolve(signal));
  });
  assert.equal(signal, 'SIGKILL');
}

test('a process that is killed before or after it creates a revision leaves the old or the new record', async (t) => {
  const folder = await temporaryFolder(t);
  const { records } = await openDiskStore(folder);
  await killedAt(folder, 'store.record.before_create:4');
  assert.equal(textOf((await records.get('counter'))?.value), '3');
  await killedAt(folder, 'store.record.after_create:4');
  assert.equal(textOf((await records.get('counter'))?.value), '7');
  await records.update('counter', bytesOf('8'), 7);
});

test('a writer that was held up past the pruning of its revision is told that it lost', async (t) => {
  const folder = await temporaryFolder(t);
  const { records } = await openDiskStore(folder);
  let revision = await records.create('a', bytesOf('0'));
  // The slow writer has looked (revision 1) and is about to create revision 2; meanwhile 2 to 20 come and 2 is pruned.
  let held = false;
  t.mock.method(fsPromises, 'link', async (from: string, to: string) => {
    if (!held) {
      held = true;
      for (let n = 0; n < 19; n += 1) revision = await records.update('a', bytesOf(`fast ${n}`), revision);
    }
    await realLink(from, to);
  });
  syncBuiltinESMExports();
  const slow = records.update('a', bytesOf('slow'), 1);
  await assert.rejects(slow, isConflict);
  t.mock.restoreAll();
  syncBuiltinESMExports();
  assert.equal(textOf((await records.get('a'))?.value), 'fast 18');
});

test('a writer that is overtaken at once still learns that its change was made', async (t) => {
  const folder = await temporaryFolder(t);
  const { records } = await openDiskStore(folder);
  const first = await records.create('a', bytesOf('0'));
  let overtaken = false;
  t.mock.method(fsPromises, 'link', async (from: string, to: string) => {
    await realLink(from, to);
    if (overtaken) return;
    overtaken = true;
    // Revision 2 is there; others build on it before its writer looks again.
    let revision = first + 1;
    for (let n = 0; n < 19; n += 1) revision = await records.update('a', bytesOf(`next ${n}`), revision);
  });
  syncBuiltinESMExports();
  assert.equal(await records.update('a', bytesOf('mine'), first), 2);
  t.mock.restoreAll();
  syncBuiltinESMExports();
  assert.equal((await records.get('a'))?.revision, 21);
});

test('a damaged record is told as lost data, not read', async (t) => {
  const folder = await temporaryFolder(t);
  const { records } = await openDiskStore(folder);
  await records.create('a', bytesOf('value'));
  const path = join(folder, 'records/a/@/0000000000000001');
  const good = await readFile(path);
  const flipped = Buffer.from(good);
  flipped[flipped.length - 1]! ^= 1;
  for (const bad of [flipped, good.subarray(0, good.length - 1), good.subarray(0, 5), Buffer.alloc(0)]) {
    await writeFile(path, bad);
    await assert.rejects(records.get('a'), hasCode('data_loss', 'record a'));
  }
});

test('a damaged artifact is told by its digest, whatever was verified before, and putting it again heals it', async (t) => {
  const folder = await temporaryFolder(t);
  const { artifacts } = await openDiskStore(folder);
  const { digest } = await artifacts.put(bytesOf('weights'));
  const path = await artifacts.localPath(digest);
  const flip = async (): Promise<void> => {
    const handle = await open(path, 'r+');
    await handle.write(Buffer.from('W'), 0, 1, 0);
    await handle.close();
  };
  for (const damage of [
    flip,
    () => truncate(path, 3),
    () => appendFile(path, '!'),
    () => truncate(path, 0),
  ]) {
    await damage();
    await assert.rejects(artifacts.localPath(digest), hasCode('data_loss', digest));
    await assert.rejects(artifacts.bytes(digest, { maxBytes: 99 }), hasCode('data_loss', digest));
    await artifacts.put(bytesOf('weights'));
    assert.equal(textOf(await artifacts.bytes(digest, { maxBytes: 7 })), 'weights');
    assert.equal(await artifacts.localPath(digest), path);
  }
  // Another process, which has verified nothing yet.
  await flip();
  const other = await openDiskStore(folder);
  await assert.rejects(other.artifacts.localPath(digest), hasCode('data_loss', digest));
});

/** Makes a call on every open file fail as the operating system would. */
async function breakFiles(
  t: TestContext,
  method: 'write' | 'writeFile' | 'sync',
  errno: string,
): Promise<void> {
  const probe = await open(join(tmpdir()), 'r');
  const prototype: FileHandle = Object.getPrototypeOf(probe);
  await probe.close();
  const failure = Object.assign(new Error(`${errno}: refused, ${method}`), { code: errno, syscall: method });
  t.mock.method(prototype, method, () => Promise.reject(failure));
}

test('a full disk is said clearly, and nothing is left half-written', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await openDiskStore(folder);
  const revision = await store.records.create('a', bytesOf('old'));
  const { digest } = await store.artifacts.put(bytesOf('old'));
  for (const method of ['write', 'writeFile', 'sync'] as const) {
    await breakFiles(t, method, 'ENOSPC');
    if (method !== 'writeFile')
      await assert.rejects(
        store.artifacts.put(bytesOf('new')),
        hasCode('resource_exhausted', folder, 'full', 'free space'),
      );
    if (method !== 'write') {
      await assert.rejects(
        store.records.update('a', bytesOf('new'), revision),
        hasCode('resource_exhausted', folder, 'full', 'record a'),
      );
      await assert.rejects(store.check(), hasCode('resource_exhausted', folder));
    }
    t.mock.restoreAll();
  }
  assert.deepEqual(await readdir(join(folder, 'tmp')), []);
  assert.equal(textOf((await store.records.get('a'))?.value), 'old');
  assert.deepEqual(
    (await collect(store.artifacts.list())).map((artifact) => artifact.digest),
    [digest],
  );
  await store.records.update('a', bytesOf('new'), revision);
});

test('a store that refuses writing can still be read, and says what it refuses', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await openDiskStore(folder);
  const revision = await store.records.create('a', bytesOf('old'));
  const { digest } = await store.artifacts.put(bytesOf('old'));
  const readOnly = Object.assign(new Error('EROFS: read-only file system, open'), { code: 'EROFS' });
  t.mock.method(fsPromises, 'open', () => Promise.reject(readOnly));
  syncBuiltinESMExports();
  t.after(() => syncBuiltinESMExports());
  const refused = hasCode('permission_denied', folder, 'writable');
  await assert.rejects(store.records.update('a', bytesOf('new'), revision), refused);
  await assert.rejects(store.artifacts.put(bytesOf('new')), refused);
  await assert.rejects(store.check(), refused);
  assert.equal(textOf((await store.records.get('a'))?.value), 'old');
  assert.equal(textOf(await store.artifacts.bytes(digest, { maxBytes: 9 })), 'old');
  t.mock.restoreAll();
});

test('a store whose folder is deleted says that it is gone, and does not come back as an empty one', async (t) => {
  const folder = join(await temporaryFolder(t), 'store');
  const store = await openDiskStore(folder, { pollMs: 10 });
  const revision = await store.records.create('a', bytesOf('old'));
  const { digest } = await store.artifacts.put(bytesOf('old'));
  const watching = collect(store.records.watch('a', new AbortController().signal));
  const gone = hasCode('failed_precondition', folder, 'deleted, moved or unmounted');
  const told = assert.rejects(watching, gone);
  await rename(folder, `${folder}.moved`);
  await told;
  for (const attempt of [
    () => store.records.get('a'),
    () => store.records.create('b', bytesOf('new')),
    () => store.records.update('a', bytesOf('new'), revision),
    () => store.records.list(''),
    () => store.artifacts.has(digest),
    () => store.artifacts.bytes(digest, { maxBytes: 9 }),
    () => store.artifacts.localPath(digest),
    () => store.artifacts.put(bytesOf('new')),
    () => store.check(),
  ])
    await assert.rejects(attempt(), gone, attempt.toString());
  await assert.rejects(readdir(folder), { code: 'ENOENT' });
  await rename(`${folder}.moved`, folder);
  assert.equal(textOf((await store.records.get('a'))?.value), 'old');
});

test('what processes that died left unfinished is swept up a day later, and nothing else', async (t) => {
  const folder = await temporaryFolder(t);
  await openDiskStore(folder);
  const old = join(folder, 'tmp', '.artifact.1-x.tmp');
  await writeFile(old, 'half');
  await writeFile(join(folder, 'tmp', '.artifact.2-y.tmp'), 'half');
  const yesterday = Date.now() / 1000 - 25 * 60 * 60;
  await utimes(old, yesterday, yesterday);
  await openDiskStore(folder);
  assert.deepEqual(await readdir(join(folder, 'tmp')), ['.artifact.2-y.tmp']);
});
