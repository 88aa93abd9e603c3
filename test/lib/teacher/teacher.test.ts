// Asking a teacher over real gRPC: shapes of messages, what is kept on disk, and a teacher that goes away.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { DdkError, keyedUint32, silentLogger } from '#base';
import type { Window } from '#corpus';
import { openTargetCache, openTeacher, rowsPerMessage, type TeacherOptions } from '#teacher';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { expectedIds, type FakeTeacher, startFakeTeacher, vocabSize } from './fake-teacher.js';

const length = 8;
const topK = { encoding: { kind: 'top_k', k: 3 }, temperature: 1, length } as const;

function windows(count: number, seed = 1): Window[] {
  return Array.from({ length: count }, (_, row) => ({
    ids: Int32Array.from({ length: length + 1 }, (_, t) => keyedUint32(seed, 'test', row, t) % vocabSize),
    mask: new Uint8Array(length).fill(1),
  }));
}

async function connected(t: TestContext, options: Partial<TeacherOptions> = {}) {
  const fake: FakeTeacher = await startFakeTeacher();
  const teacher = await openTeacher({ address: fake.server.address, logger: silentLogger, ...options });
  t.after(async () => {
    teacher.close();
    await fake.server.close();
  });
  return { fake, teacher };
}

async function openCache(t: TestContext, folder: string) {
  const cache = await openTargetCache({ folder, logger: silentLogger });
  t.after(() => cache.close());
  return cache;
}

test('targets come for every position of every window, in order', async (t) => {
  const { teacher, fake } = await connected(t);
  const source = await teacher.targets(topK);
  const asked = windows(10);
  const targets = await source.fetch(asked);
  source.close();
  assert.equal(targets.kind, 'top_k');
  assert.equal(targets.positions, 10 * length);
  for (const [row, window] of asked.entries()) {
    for (let at = 0; at < length; at += 1) {
      const from = (row * length + at) * 3;
      assert.deepEqual(
        [...(targets.kind === 'top_k' ? targets.ids.subarray(from, from + 3) : [])],
        expectedIds(window.ids[at]!, 3),
      );
    }
  }
  // At most 4 rows a message: 10 windows are 3 messages, of 4 rows each so that all have one shape.
  assert.deepEqual(fake.answered, [4, 4, 4]);
});

test('log-probabilities of labels come without those of the padding', async (t) => {
  const { teacher } = await connected(t);
  const scores = await teacher.labelLogProbs({ length });
  const asked = windows(5);
  const found = await scores.score(asked);
  scores.close();
  assert.deepEqual(
    [...found],
    asked.flatMap(({ ids }) => [...ids.subarray(1)].map((id) => (id === 0 ? -0 : -id / 8))),
  );
});

test('rows are spread evenly over as few messages as the limits permit', () => {
  const limits = { maximumRows: 32, maximumPositions: 4096 };
  assert.equal(rowsPerMessage(16, 128, 4, limits), 8); // 1024 positions a message
  assert.equal(rowsPerMessage(13, 128, 4, limits), 7); // 7 + 6, not 8 + 5
  assert.equal(rowsPerMessage(3, 2048, 4, limits), 1);
  assert.equal(rowsPerMessage(100, 16, 4, limits), 25); // 4 messages of 25, at most 32
  assert.equal(rowsPerMessage(8, 128, 16_384, limits), 2); // 4 MiB are 256 positions of 16 KiB
  assert.throws(
    () => rowsPerMessage(1, 5000, 4, limits),
    /4096 positions a message, but one window has 5000/,
  );
});

test('what was scored once is read from disk, with the same bytes', async (t) => {
  const cache = await openCache(t, await temporaryFolder(t));
  const { teacher, fake } = await connected(t, { cache });
  const source = await teacher.targets(topK);
  const first = await source.fetch(windows(4));
  const again = await source.fetch(windows(4));
  const other = await source.fetch(windows(4, 2));
  source.close();
  assert.deepEqual(again, first);
  assert.notDeepEqual(other, first);
  assert.equal(fake.answered.length, 2);
});

test('of a step that is partly kept only the rest is scored, in the shape of the whole', async (t) => {
  const cache = await openCache(t, await temporaryFolder(t));
  const { teacher, fake } = await connected(t, { cache });
  const source = await teacher.targets(topK);
  const [a, b, c, d] = windows(8);
  await source.fetch([a!, b!, c!, d!]);
  const whole = await source.fetch([a!, ...windows(8).slice(5, 7), d!]);
  source.close();
  assert.equal(whole.positions, 4 * length);
  assert.deepEqual(fake.answered, [4, 4]);
});

test('a damaged entry is scored again, and its neighbours are not', async (t) => {
  const folder = await temporaryFolder(t);
  const { teacher, fake } = await connected(t, {
    cache: await openCache(t, folder),
  });
  const source = await teacher.targets(topK);
  const first = await source.fetch(windows(4));
  const [name] = readdirSync(folder);
  const file = path.join(folder, name!);
  const bytes = readFileSync(file);
  // The last byte is the last window's.
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
  assert.deepEqual(await source.fetch(windows(4)), first);
  assert.deepEqual(await source.fetch(windows(4)), first);
  source.close();
  assert.deepEqual(fake.answered, [4, 4]);
});

test('a source knows what another process has kept until it was opened', async (t) => {
  const folder = await temporaryFolder(t);
  const [one, two] = [
    await connected(t, { cache: await openCache(t, folder) }),
    await connected(t, { cache: await openCache(t, folder) }),
  ];
  const first = await one.teacher.targets(topK);
  const expected = await first.fetch(windows(4));
  first.close();
  const second = await two.teacher.targets(topK);
  assert.deepEqual(await second.fetch(windows(4)), expected);
  second.close();
  assert.deepEqual(two.fake.answered, []);
});

test('a teacher that goes away for a while is asked again, and nothing is lost', async (t) => {
  const { teacher, fake } = await connected(t);
  const source = await teacher.targets(topK);
  fake.failures.push(new DdkError('unavailable', 'restarting'), new DdkError('unavailable', 'restarting'));
  const fetched = await Promise.all([1, 2, 3, 4, 5].map((seed) => source.fetch(windows(3, seed))));
  for (const [index, targets] of fetched.entries()) {
    assert.ok(targets.kind === 'top_k');
    assert.deepEqual([...targets.ids.subarray(0, 3)], expectedIds(windows(3, index + 1)[0]!.ids[0]!, 3));
  }
  source.close();
});

test('a teacher that stays away is UNAVAILABLE, and asked again by the next who needs it', async (t) => {
  const { teacher, fake } = await connected(t, { giveUpMs: 300 });
  const source = await teacher.targets(topK);
  await source.fetch(windows(1));
  await fake.server.close();
  await assert.rejects(source.fetch(windows(1)), (error: DdkError) => error.code === 'unavailable');
  const back = await startFakeTeacher(fake.server.address);
  t.after(() => back.server.close());
  assert.ok(await source.fetch(windows(1)));
  source.close();
});

test('a refusal reaches those who asked', async (t) => {
  const { teacher, fake } = await connected(t);
  const source = await teacher.targets(topK);
  fake.failures.push(new DdkError('failed_precondition', 'another model is served'));
  await assert.rejects(source.fetch(windows(2)), /another model is served/);
  source.close();
});

test('whoever cancels is let go, and the others are served', async (t) => {
  const { teacher } = await connected(t);
  const source = await teacher.targets(topK);
  const cancelled = new AbortController();
  const one = source.fetch(windows(4, 1), cancelled.signal);
  const two = source.fetch(windows(4, 2));
  cancelled.abort();
  await assert.rejects(one, (error: DdkError) => error.code === 'cancelled');
  assert.equal((await two).positions, 4 * length);
  source.close();
  await assert.rejects(source.fetch(windows(1)), (error: DdkError) => error.code === 'cancelled');
});

test('another model than the expected one is refused', async (t) => {
  const { teacher } = await connected(t, { fingerprint: 'sha256:other' });
  await assert.rejects(teacher.describe(), (error: DdkError) => {
    assert.equal(error.reason, 'TEACHER_CHANGED');
    return (
      error.code === 'failed_precondition' && /sha256:teacher, but sha256:other is wanted/.test(error.message)
    );
  });
});

test('windows longer than the context are refused before anything is sent', async (t) => {
  const { teacher } = await connected(t);
  await assert.rejects(
    teacher.targets({ ...topK, length: 65 }),
    /65 positions are longer than the teacher's context of 64/,
  );
});
