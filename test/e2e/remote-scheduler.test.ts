// The four services as processes of their own, given runs by the command line.
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { openDataStore, readHolder } from '#store';
import { type ServiceProcesses, startServices } from '../support/service-processes.js';
import { domainNames, resultOf, succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

let world: TinyWorld;
let services: ServiceProcesses;
/** The option that leads to them. */
let there: readonly string[];

before(async () => {
  world = await tinyWorld();
  services = await startServices(world.folder);
  there = ['--scheduler', services.scheduler];
});
after(async () => {
  await services.stop();
  await world.remove();
});

test('a run at a scheduler ends with the weights of a run in one process, and leaves the folder to the scheduler', async () => {
  const other = await world.another();
  try {
    const run = world.start(['run', 'tiny.yaml', ...there, '--json']);
    assert.ok(await run.said(/"type":"progress"/));
    const holder = await readHolder(join(world.folder, '.ddk'));
    assert.equal(holder?.role, 'scheduler');
    assert.equal(holder.addresses?.schedulerAddress, services.scheduler);
    const remote = await run.finished;
    assert.equal(remote.code, 0, remote.stderr);
    const here = await succeeds(other, ['run', 'tiny.yaml', '--json']);
    assert.equal(resultOf(remote).weightsDigest, resultOf(here).weightsDigest);
    assert.ok((await stat(join(world.folder, '.ddk', 'runs', 'tiny', 'student', 'model.onnx'))).size > 0);
    // Again: it is there already.
    const again = await succeeds(world, ['run', 'tiny.yaml', ...there, '--json']);
    assert.equal(resultOf(again).weightsDigest, resultOf(remote).weightsDigest);
  } finally {
    await other.remove();
  }
});

test('without --scheduler nothing is done in a folder that a scheduler has, and its address is named', async () => {
  const commands = [
    ['run', 'tiny.yaml'],
    ['resume', 'tiny'],
    ['resume', 'tiny', '--extend', '1'],
    ['pause', 'tiny'],
    ['cancel', 'tiny'],
    ['preview', 'tiny.yaml'],
  ];
  const before = (await succeeds(world, ['show', 'tiny', '--json'])).stdout;
  for (const command of commands) {
    const { code, stdout, stderr } = await world.ddk(command);
    assert.deepEqual([code, stdout], [1, ''], command.join(' '));
    assert.ok(stderr.includes(`go through it with --scheduler ${services.scheduler},`), stderr);
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  }
  assert.equal((await succeeds(world, ['show', 'tiny', '--json'])).stdout, before);
});

test('no garbage is deleted while services are there, and what is shown of it does not say that it could', async () => {
  for (const grace of ['0', '60']) {
    const { code, stderr } = await world.ddk(['gc', '--delete', '--grace-minutes', grace]);
    assert.equal(code, 1);
    assert.match(stderr, /^ddk: Nothing is deleted while processes \d+, \d+, \d+ are at work in /);
    assert.ok(stderr.includes(`the scheduler at ${services.scheduler}: stop the services, then try again`));
  }
  // As a process that is killed leaves it.
  const orphan = await openDataStore(join(world.folder, '.ddk'));
  await orphan.artifacts.put(Buffer.from('what nobody names'));
  await orphan.close();
  const { stdout } = await succeeds(world, ['gc', '--grace-minutes', '0']);
  assert.match(stdout, /^Nothing can be deleted while processes/m);
  assert.doesNotMatch(stdout, /--grace-minutes 0|ddk gc --delete/);
});

test('runs, show and watch ask the scheduler, and need no data folder', async () => {
  const [runs, show, watch] = await Promise.all([
    succeeds(world, ['runs', ...there, '--data', 'nowhere']),
    succeeds(world, ['show', 'tiny', '--data', 'nowhere'], { env: { DDK_SCHEDULER: services.scheduler } }),
    succeeds(world, ['watch', 'tiny', ...there, '--data', 'nowhere']),
  ]);
  assert.match(runs.stdout, /^tiny +succeeded +2 of 2/m);
  for (const name of domainNames) assert.match(show.stdout, new RegExp(`^${name} +\\d`, 'm'));
  assert.match(watch.stdout, /^succeeded$/m);
  await assert.rejects(stat(join(world.folder, 'nowhere')));
});

test('a run at a scheduler is extended, and previewed with its evaluator', async () => {
  const longer = resultOf(await succeeds(world, ['resume', 'tiny', '--extend', '1', ...there, '--json']));
  assert.equal((longer.run as { intervalsPlanned: number }).intervalsPlanned, 3);
  const preview = resultOf(
    await succeeds(world, ['preview', 'tiny.yaml', ...there, '--evaluator', services.evaluator, '--json']),
  ) as { weights: number[]; gaps: { ratio: number }[] };
  assert.equal(preview.gaps.length, 3);
  const alone = await world.ddk(['preview', 'tiny.yaml', ...there]);
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /give the address of a domain-evaluator with --evaluator too\.$/m);
});

test('who stops looking on stops nothing; the run is paused, resumed and cancelled from elsewhere', async () => {
  const spec = await world.spec({ name: 'long', training: { intervals: 9, intervalSteps: 4000 } });
  const run = world.start(['run', spec, ...there, '--json']);
  assert.ok(await run.said(/"step":/));
  run.kill('SIGINT');
  const { code, stderr } = await run.finished;
  assert.equal(code, 130);
  assert.match(stderr, /^long goes on at .*: `ddk watch long --scheduler .*` shows it/m);
  const state = async (): Promise<string> => (await succeeds(world, ['show', 'long', ...there])).stdout;
  assert.match(await state(), /^state +training interval 1 of 9$/m);
  const blind = await world.ddk(['watch', 'long']);
  assert.equal(blind.code, 1);
  assert.ok(blind.stderr.includes(`--scheduler ${services.scheduler},`), blind.stderr);
  assert.match((await succeeds(world, ['pause', 'long', ...there])).stdout, /^long: paused/m);
  const resumed = world.start(['resume', 'long', ...there, '--json']);
  assert.ok(await resumed.said(/"step":/));
  assert.match((await succeeds(world, ['pause', 'long', ...there])).stdout, /^long: paused/m);
  const paused = await resumed.finished;
  assert.equal(paused.code, 1);
  assert.match(paused.stderr, /`ddk resume long --scheduler .*` continues it\.$/m);
  assert.match((await succeeds(world, ['cancel', 'long', ...there])).stdout, /^long: cancelled$/m);
});

test('another service, and a teacher that is away, are named with address and remedy', async () => {
  const wrong = await world.ddk(['runs', '--scheduler', services.evaluator]);
  assert.equal(wrong.code, 1);
  assert.match(
    wrong.stderr,
    new RegExp(`^ddk: ${services.evaluator} is no scheduler: .*; give the address of a scheduler\\.$`, 'm'),
  );
  await services.kill('teacher-scoring', 'SIGKILL');
  try {
    const alone = await world.ddk(['run', await world.spec({ name: 'alone' }), ...there]);
    assert.equal(alone.code, 1);
    assert.match(
      alone.stderr,
      new RegExp(
        `^ddk: the teacher at ${services.teacher} does not answer: .*; start teacher-scoring there, .*DDK_TEACHER_ADDRESS\\.$`,
        'm',
      ),
    );
  } finally {
    await services.restart('teacher-scoring');
  }
});

test('a folder that is not that of the services, and an address without a scheduler, are said to be that', async () => {
  const [elsewhere, nobody, noPort] = await Promise.all([
    world.ddk(['run', await world.spec({ name: 'lost' }), ...there, '--data', 'other']),
    world.ddk(['runs', '--scheduler', '127.0.0.1:9']),
    world.ddk(['runs', '--scheduler', 'localhost']),
  ]);
  assert.match(
    elsewhere.stderr,
    /keeps its runs elsewhere than in .*other: give the folder that its services have as DDK_DATA/,
  );
  assert.match(
    nobody.stderr,
    /no connection to 127\.0\.0\.1:9 within 5000 ms: nothing listens there; start the service/,
  );
  assert.match(noPort.stderr, /It must be host:port, such as 127\.0\.0\.1:7000\./);
});
