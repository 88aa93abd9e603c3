// What every store must do, whatever is behind it. An adapter's test file calls this with its own opener.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { DdkError, type ErrorCode, sha256Hex } from '#base';
import { isConflict, maxRecordBytes, type Store, type StoredRecord } from '#store';
import { temporaryFolder } from '../../support/temporary-folder.js';

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

export function hasCode(code: ErrorCode, ...words: readonly string[]): (error: unknown) => boolean {
  return (error) =>
    error instanceof DdkError && error.code === code && words.every((word) => error.message.includes(word));
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

export function storeContract(name: string, open: (t: TestContext) => Promise<Store>): void {
  const check = (title: string, body: (store: Store, t: TestContext) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t) => {
      const store = await open(t);
      try {
        await body(store, t);
      } finally {
        await store.close();
      }
    });
  };

  check('a record is created, changed and read', async ({ records }) => {
    assert.equal(await records.get('runs/r1'), undefined);
    const first = await records.create('runs/r1', bytesOf('one'));
    assert.deepEqual(await records.get('runs/r1'), {
      key: 'runs/r1',
      value: bytesOf('one'),
      revision: first,
    });
    const second = await records.update('runs/r1', bytesOf('two'), first);
    assert.ok(second > first);
    assert.deepEqual(await records.get('runs/r1'), {
      key: 'runs/r1',
      value: bytesOf('two'),
      revision: second,
    });
  });

  check('a record can be empty, and as large as the limit', async ({ records }) => {
    const first = await records.create('empty', new Uint8Array(0));
    assert.equal((await records.get('empty'))?.value.byteLength, 0);
    const large = new Uint8Array(maxRecordBytes).fill(10);
    await records.update('empty', large, first);
    assert.deepEqual((await records.get('empty'))?.value, large);
    const tooLarge = new Uint8Array(maxRecordBytes + 1);
    await assert.rejects(records.create('large', tooLarge), hasCode('invalid_argument', 'large', '1000001'));
  });

  check(
    'what exists is not created again, and what changed is not changed on old knowledge',
    async ({ records }) => {
      const first = await records.create('a', bytesOf('1'));
      await assert.rejects(records.create('a', bytesOf('x')), hasCode('already_exists', 'a'));
      const second = await records.update('a', bytesOf('2'), first);
      for (const stale of [first, second + 1, 0]) {
        const attempt = records.update('a', bytesOf('x'), stale);
        await assert.rejects(
          attempt,
          (error) => hasCode('aborted', 'a', String(stale))(error) && isConflict(error),
        );
        await assert.rejects(records.delete('a', stale), isConflict);
      }
      await assert.rejects(records.update('none', bytesOf('x'), 1), isConflict);
      assert.equal(textOf((await records.get('a'))?.value), '2');
    },
  );

  check('of many that change one revision at once one succeeds', async ({ records }) => {
    const revision = await records.create('a', bytesOf('start'));
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => records.update('a', bytesOf(`writer ${n}`), revision)),
    );
    const winner = attempts.findIndex((attempt) => attempt.status === 'fulfilled');
    assert.equal(attempts.filter((attempt) => attempt.status === 'fulfilled').length, 1);
    for (const attempt of attempts) assert.ok(attempt.status === 'fulfilled' || isConflict(attempt.reason));
    assert.equal(textOf((await records.get('a'))?.value), `writer ${winner}`);
  });

  check('of many that create one record at once one succeeds', async ({ records }) => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => records.create('a', bytesOf(`${n}`))),
    );
    assert.equal(attempts.filter((attempt) => attempt.status === 'fulfilled').length, 1);
    for (const attempt of attempts) assert.ok(attempt.status === 'fulfilled' || isConflict(attempt.reason));
  });

  check(
    'a deleted record is gone, can be created anew, and never takes an old revision again',
    async ({ records }) => {
      const first = await records.create('a', bytesOf('1'));
      await records.delete('a', first);
      assert.equal(await records.get('a'), undefined);
      assert.deepEqual(await records.list(''), []);
      await assert.rejects(records.update('a', bytesOf('x'), first), isConflict);
      await assert.rejects(records.delete('a', first), isConflict);
      const second = await records.create('a', bytesOf('2'));
      assert.ok(second > first);
      await assert.rejects(records.update('a', bytesOf('x'), first), isConflict);
      assert.equal(textOf((await records.get('a'))?.value), '2');
    },
  );

  check('records are listed by the beginning of their keys, in order', async ({ records }) => {
    for (const key of ['runs/b', 'runs/a', 'runs/a/intervals/3', 'runs2', 'other', 'runs/a.b'])
      await records.create(key, bytesOf(key));
    const keys = async (prefix: string): Promise<string[]> =>
      (await records.list(prefix)).map((record) => record.key);
    assert.deepEqual(await keys('runs/'), ['runs/a', 'runs/a.b', 'runs/a/intervals/3', 'runs/b']);
    assert.deepEqual(await keys('runs/a'), ['runs/a', 'runs/a.b', 'runs/a/intervals/3']);
    assert.deepEqual(await keys('runs/a/'), ['runs/a/intervals/3']);
    assert.deepEqual(await keys('nothing'), []);
    assert.equal((await keys('')).length, 6);
    assert.equal(textOf((await records.list('runs2'))[0]?.value), 'runs2');
  });

  check('what is read is the reader’s own', async ({ records }) => {
    const given = bytesOf('good');
    await records.create('a', given);
    given[0] = 0;
    (await records.get('a'))!.value[1] = 0;
    assert.equal(textOf((await records.get('a'))?.value), 'good');
  });

  check('keys that are not keys are refused', async ({ records }) => {
    const bad = [
      '',
      '/',
      'a/',
      '/a',
      'a//b',
      '..',
      'a/../b',
      '.a',
      'a.',
      'a..b',
      'A',
      'a b',
      'a\0',
      '@',
      'é',
      '*',
    ];
    bad.push('a'.repeat(201), Array.from({ length: 300 }, () => 'a').join('/'));
    for (const key of bad) {
      await assert.rejects(records.get(key), hasCode('invalid_argument'), key);
      await assert.rejects(records.create(key, bytesOf('')), hasCode('invalid_argument'), key);
      await assert.rejects(records.update(key, bytesOf(''), 1), hasCode('invalid_argument'), key);
      await assert.rejects(records.delete(key, 1), hasCode('invalid_argument'), key);
    }
    for (const prefix of ['../', '/', 'a/../', '@', 'a/*'])
      await assert.rejects(records.list(prefix), hasCode('invalid_argument'), prefix);
  });

  check(
    'a watch tells a record, then its changes and nobody else’s, and ends with its signal',
    async ({ records }) => {
      const controller = new AbortController();
      const first = await records.create('runs/a', bytesOf('1'));
      for (const other of ['other/x', 'runs/a.b', 'runs/a/train/0'])
        await records.create(other, bytesOf('x'));
      const seen: StoredRecord[] = [];
      let onSeen: () => void = () => {};
      const until = (condition: () => boolean): Promise<void> =>
        new Promise((resolve) => {
          onSeen = () => condition() && resolve();
          onSeen();
        });
      const watching = (async () => {
        for await (const record of records.watch('runs/a', controller.signal)) {
          seen.push(record);
          onSeen();
        }
      })();
      await until(() => seen.length === 1);
      assert.deepEqual(seen, [{ key: 'runs/a', value: bytesOf('1'), revision: first }]);
      // Changes in a burst may be seen as one; the last must be seen.
      let revision = first;
      for (let n = 2; n <= 12; n += 1)
        revision = await records.update('runs/a', bytesOf(String(n)), revision);
      await until(() => textOf(seen.at(-1)?.value) === '12');
      const revisions = seen.map((record) => record.revision);
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].sort((a, b) => a - b),
      );
      assert.ok(seen.every((record) => record.key === 'runs/a'));
      controller.abort();
      await watching;
    },
  );

  check('a watch begins before its record does', async ({ records }) => {
    const controller = new AbortController();
    const watching = (async () => {
      for await (const record of records.watch('runs/late', controller.signal)) return textOf(record.value);
      return undefined;
    })();
    await records.create('runs/late', bytesOf('here'));
    assert.equal(await watching, 'here');
    controller.abort();
  });

  check('an artifact is found under the digest of its bytes', async ({ artifacts }) => {
    const data = bytesOf('weights');
    const expected = { digest: `sha256:${sha256Hex(data)}`, bytes: 7 };
    assert.equal(await artifacts.has(expected.digest), false);
    assert.equal(await artifacts.stat(expected.digest), undefined);
    assert.deepEqual(await artifacts.put(data), expected);
    assert.deepEqual(
      await artifacts.put(chunks(bytesOf('wei'), new Uint8Array(0), bytesOf('ghts'))),
      expected,
    );
    assert.equal(await artifacts.has(expected.digest), true);
    assert.deepEqual(await artifacts.stat(expected.digest), { bytes: 7 });
    assert.deepEqual(await artifacts.bytes(expected.digest, { maxBytes: 7 }), data);
    await assert.rejects(
      artifacts.bytes(expected.digest, { maxBytes: 6 }),
      hasCode('resource_exhausted', expected.digest, '7 bytes'),
    );
    const path = await artifacts.localPath(expected.digest);
    assert.equal(await readFile(path, 'utf8'), 'weights');
    assert.equal(await artifacts.localPath(expected.digest), path);
  });

  check('an empty artifact is an artifact', async ({ artifacts }) => {
    const { digest, bytes } = await artifacts.put(new Uint8Array(0));
    assert.equal(bytes, 0);
    assert.equal((await artifacts.bytes(digest, { maxBytes: 0 })).byteLength, 0);
    assert.equal(await readFile(await artifacts.localPath(digest), 'utf8'), '');
  });

  check('a file becomes an artifact', async ({ artifacts }, t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'file');
    const data = new Uint8Array(3 * 2 ** 20 + 17).map((_, index) => index * 31);
    await writeFile(path, data);
    const { digest, bytes } = await artifacts.putFile(path);
    assert.equal(digest, `sha256:${sha256Hex(data)}`);
    assert.equal(bytes, data.byteLength);
    assert.deepEqual(await artifacts.bytes(digest, { maxBytes: 2 ** 23 }), data);
    await assert.rejects(artifacts.putFile(join(folder, 'none')), hasCode('not_found', 'none'));
  });

  check('a source that fails leaves nothing, and its error passes', async ({ artifacts }) => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield bytesOf('half');
      throw new DdkError('cancelled', 'The upload was cancelled.');
    }
    await assert.rejects(artifacts.put(failing()), hasCode('cancelled', 'upload'));
    assert.deepEqual(await collect(artifacts.list()), []);
  });

  check('artifacts are listed and deleted', async ({ artifacts }) => {
    const put = await Promise.all(['a', 'b', 'c'].map((text) => artifacts.put(bytesOf(text))));
    const listed = await collect(artifacts.list());
    assert.deepEqual(listed.map(({ digest }) => digest).sort(), put.map(({ digest }) => digest).sort());
    for (const { bytes, modifiedMs } of listed) {
      assert.equal(bytes, 1);
      assert.ok(Math.abs(modifiedMs - Date.now()) < 60_000);
    }
    const { digest } = put[1]!;
    await artifacts.localPath(digest);
    await artifacts.delete(digest);
    await artifacts.delete(digest);
    assert.equal(await artifacts.has(digest), false);
    await assert.rejects(artifacts.bytes(digest, { maxBytes: 9 }), hasCode('not_found', digest));
    await assert.rejects(artifacts.localPath(digest), hasCode('not_found', digest));
    assert.equal((await collect(artifacts.list())).length, 2);
  });

  check('an artifact that was put since a moment is spared where deleting says so', async ({ artifacts }) => {
    const { digest } = await artifacts.put(bytesOf('a'));
    await artifacts.delete(digest, { unlessPutSinceMs: Date.now() - 60_000 });
    assert.equal(textOf(await artifacts.bytes(digest, { maxBytes: 9 })), 'a');
    await artifacts.delete(digest, { unlessPutSinceMs: Date.now() + 60_000 });
    assert.equal(await artifacts.has(digest), false);
    await artifacts.delete(digest, { unlessPutSinceMs: Date.now() });
  });

  check('digests that are not digests are refused', async ({ artifacts }) => {
    const hex = 'a'.repeat(64);
    for (const digest of [
      '',
      hex,
      `sha256:${hex}0`,
      `sha256:${hex.toUpperCase()}`,
      'sha256:../../etc/passwd',
    ]) {
      await assert.rejects(artifacts.has(digest), hasCode('invalid_argument'));
      await assert.rejects(artifacts.stat(digest), hasCode('invalid_argument'));
      await assert.rejects(artifacts.bytes(digest, { maxBytes: 1 }), hasCode('invalid_argument'));
      await assert.rejects(artifacts.localPath(digest), hasCode('invalid_argument'));
      await assert.rejects(artifacts.delete(digest), hasCode('invalid_argument'));
    }
  });

  check('a store that can be written is healthy', async (store) => {
    await store.check();
  });
}
