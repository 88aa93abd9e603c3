// A long interval that is looked at, paused, cleared up behind and cancelled: what it has committed is there at every turn.
import assert from 'node:assert/strict';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { IntervalRecord } from '#proto/ddk/v1/types';
import { openDataStore, type Store } from '#store';
import type { Running } from '../support/ddk-process.js';
import { resultOf, succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

let world: TinyWorld;
let store: Store;
before(async () => {
  world = await tinyWorld();
  store = await openDataStore(join(world.folder, '.ddk'));
});
after(async () => {
  await store.close();
  await world.remove();
});

/** The record of the one interval there is. */
async function record(): Promise<IntervalRecord | undefined> {
  const [stored] = (await store.records.list('runs/')).filter(({ key }) => key.endsWith('/train/0'));
  return stored && IntervalRecord.decode(stored.value);
}

/** Resolves once a step after `step` has been committed. */
async function committedAfter(step: number): Promise<void> {
  while (((await record())?.step ?? 0) <= step) await new Promise((resolve) => setTimeout(resolve, 50));
}

const csvFile = (): string => join(world.folder, '.ddk', 'runs', 'long', 'metrics.csv');

/** The first column of the run's metrics, below its title. */
async function stepsInCsv(): Promise<number[]> {
  const csv = await readFile(csvFile(), 'utf8');
  return csv
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => Number(line.split(',')[0]));
}

/** Every step up to the last one in the file, once. Returns that one. */
async function lastInCsv(): Promise<number> {
  const steps = await stepsInCsv();
  assert.deepEqual(
    steps,
    steps.map((_, i) => i + 1),
  );
  return steps.length;
}

async function endedBy(running: Running, change: 'pause' | 'cancel'): Promise<string> {
  await succeeds(world, [change, 'long']);
  const { code, stderr } = await running.finished;
  assert.equal(code, 1);
  return stderr;
}

test('collecting garbage where there is nothing makes nothing', async () => {
  const { stdout } = await succeeds(world, ['gc', '--delete', '--data', 'nowhere']);
  assert.match(stdout, /^Deleted 0 artifacts/m);
  await assert.rejects(stat(join(world.folder, 'nowhere')));
});

/** What `runs` and `show` say of the run. */
async function told(): Promise<{ readonly runs: string; readonly show: string }> {
  const [runs, show] = await Promise.all([succeeds(world, ['runs']), succeeds(world, ['show', 'long'])]);
  return { runs: runs.stdout, show: show.stdout };
}

test('a run that is paused or cancelled within an interval leaves the metrics of what it has committed', async () => {
  const training = { intervals: 1, intervalSteps: 100_000, batchSize: 16, checkpointSeconds: 1 };
  const spec = await world.spec({ name: 'long', training });
  const first = world.start(['run', spec, '--json']);
  await committedAfter(0);
  await committedAfter((await record())?.step ?? 0);
  const committed = (await record())?.step ?? 0;

  const refused = await world.ddk(['gc', '--delete', '--grace-minutes', '0']);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    new RegExp(
      `^ddk: Nothing is deleted while process ${first.pid} is at work in .*: let the run end, or end it with Ctrl-C .*\\.\\n$`,
    ),
  );
  const shown = await succeeds(world, ['gc']);
  assert.match(shown.stdout, new RegExp(`^Nothing can be deleted while process ${first.pid} is`, 'm'));
  assert.doesNotMatch(shown.stdout, /--grace-minutes 0|ddk gc --delete/);

  assert.match(await endedBy(first, 'pause'), /^ddk: long is paused/);
  const pausedAt = (await record())?.step ?? 0;
  const left = await lastInCsv();
  // A commit may come in between the run's pause and that of its interval.
  assert.ok(left >= committed && left <= pausedAt, `${left} steps, committed ${committed} to ${pausedAt}`);

  assert.match((await succeeds(world, ['gc'])).stdout, /--grace-minutes 0 takes them too\./);
  const { artifacts } = resultOf(
    await succeeds(world, ['gc', '--delete', '--grace-minutes', '0', '--json']),
  ) as { artifacts: unknown[] };
  assert.ok(artifacts.length > 0);
  await rm(csvFile());
  await succeeds(world, ['report', 'long']);
  assert.equal(await lastInCsv(), pausedAt);

  const second = world.start(['resume', 'long', '--json']);
  await committedAfter(pausedAt);
  const { runs, show } = await told();
  assert.doesNotMatch(`${runs}${show}`, /interrupted/);
  second.kill('SIGINT');
  assert.equal((await second.finished).code, 130);
  const interruptedAt = (await record())?.step ?? 0;
  assert.ok(interruptedAt > pausedAt);
  assert.equal(await lastInCsv(), interruptedAt);
});

test('a run that nobody works on is shown as interrupted, with the way on', async () => {
  const { runs, show } = await told();
  assert.match(runs, /^long +training, interrupted +0 of 1/m);
  assert.match(runs, /^`ddk resume RUN` continues one that is interrupted\.$/m);
  assert.match(show, /^state +training interval 1 of 1; interrupted, `ddk resume long` continues it$/m);
});

test('a run that is paused while nobody works on it leaves its metrics, and again as it is cancelled at work', async () => {
  const committed = (await record())?.step ?? 0;
  await rm(csvFile());
  await succeeds(world, ['pause', 'long']);
  assert.equal(await lastInCsv(), committed);
  assert.doesNotMatch((await told()).show, /interrupted/);

  const running = world.start(['resume', 'long', '--json']);
  await committedAfter(committed);
  assert.match(await endedBy(running, 'cancel'), /^ddk: long: cancelled/);
  assert.ok((await lastInCsv()) > committed);
});
