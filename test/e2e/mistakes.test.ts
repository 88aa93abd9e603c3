// What people do wrong: one clear sentence, a non-zero exit, nothing half-written.
import assert from 'node:assert/strict';
import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before, describe, type TestContext } from 'node:test';
import { DdkError } from '#base';
import { openModel, readParameter, saveModel } from '#model';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { RunSpec } from '#proto/ddk/v1/types';
import { createClient } from '#rpc';
import { byteLevelTokenizerJson } from '#tokenizer';
import type { Running, RunOptions } from '../support/ddk-process.js';
import { smallDisk } from '../support/small-disk.js';
import { resultOf, succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

let world: TinyWorld;
before(async () => {
  world = await tinyWorld();
});
after(() => world.remove());

/** The sentence with which `ddk ARGS` is refused. */
async function refused(
  at: TinyWorld,
  args: readonly string[],
  options: Omit<RunOptions, 'cwd'> = {},
): Promise<string> {
  const { code, stdout, stderr } = await at.ddk(args, options);
  assert.equal(code, 1, `ddk ${args.join(' ')} ended with ${code}: ${stderr}`);
  assert.equal(stdout, '');
  assert.doesNotMatch(stderr, /^\s+at /m);
  assert.doesNotMatch(stderr, /^\w*Error:/m);
  // What was being done may be told before; the complaint comes last, and once.
  const complaints = stderr.split(/^ddk: /m);
  assert.equal(complaints.length, 2, stderr);
  return complaints[1]!;
}

const withDomain = (path: string) => [
  { name: 'mail', paths: ['./text/mail'] },
  { name: 'bad', paths: [path] },
];

/** A run is refused, and leaves neither a record nor a folder. Each in a data folder of its own, for many run at once. */
async function refusedRun(name: string, changes: Readonly<Record<string, unknown>>): Promise<string> {
  const data = ['--data', `data-${name}`];
  const sentence = await refused(world, ['run', await world.spec({ ...changes, name }), ...data]);
  // What is wrong with the spec alone is found before there is a data folder.
  const left: readonly string[] = await readdir(join(world.folder, `data-${name}`)).catch(() => []);
  assert.ok(!left.includes('runs') && !left.includes('running.json'), left.join(', '));
  const { stderr } = await world.ddk(['show', name, ...data]);
  assert.match(stderr, new RegExp(`There is no run "${name}"`));
  return sentence;
}

async function text(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(world.folder, 'text', name), content);
  return `./text/${name}`;
}

describe('the text', { concurrency: 2 }, () => {
  test('a path that leads nowhere', async () => {
    const sentence = await refusedRun('nowhere', { domains: withDomain('./text/none.txt') });
    assert.match(
      sentence,
      /text\/none\.txt \(domain "bad"\) cannot be read: there is no such file or folder; correct the path\.$/m,
    );
  });

  test('a pattern that matches nothing', async () => {
    const sentence = await refusedRun('no-match', { domains: withDomain('./text/*.md') });
    assert.match(sentence, /^Domain "bad" has no text: .*\*\.md leads to no file/);
  });

  test('a file that cannot be read', async () => {
    // A link that leads in circles is closed even to the superuser.
    await symlink('circle.txt', join(world.folder, 'text', 'circle.txt'));
    const sentence = await refusedRun('circle', { domains: withDomain('./text/circle.txt') });
    assert.match(sentence, /text\/circle\.txt \(domain "bad"\) cannot be read: ELOOP\.$/m);
  });

  test('too little of it for the validation samples', async () => {
    const path = await text(
      'little.jsonl',
      `${JSON.stringify({ text: 'a single document, long enough to count' })}\n`,
    );
    const sentence = await refusedRun('little', { domains: withDomain(path) });
    assert.match(
      sentence,
      /domains\["bad"\] has 1 documents .*6 are needed \(validationSamples 3.*; add more/,
    );
  });

  test('bytes that are not UTF-8', async () => {
    const path = await text(
      'latin1.txt',
      Buffer.concat([Buffer.from('plain, then '), Buffer.from([0xe9, 0x21])]),
    );
    const sentence = await refusedRun('latin1', { domains: withDomain(path) });
    assert.match(sentence, /text\/latin1\.txt is not valid UTF-8 at byte 12 \(E9\); convert it/);
  });

  test('a broken JSON line', async () => {
    const line = JSON.stringify({ text: 'a sound line of some length, so that it would be taken' });
    const path = await text('broken.jsonl', `${line}\n${line}\n{"text": nothing}\n${line}\n`);
    const sentence = await refusedRun('broken', { domains: withDomain(path) });
    assert.match(sentence, /text\/broken\.jsonl, line 3, is not valid JSON .*; correct or remove it\.$/m);
  });
});

describe('the spec', { concurrency: 2 }, () => {
  test('a file that is not there, and one that is not YAML', async () => {
    assert.match(
      await refused(world, ['run', 'none.yaml']),
      /^There is no spec file none\.yaml\. `ddk init none\.yaml` writes one\.$/m,
    );
    await writeFile(join(world.folder, 'not.yaml'), 'name: a\n  teacher: b: c\n');
    assert.match(await refused(world, ['run', 'not.yaml']), /^not\.yaml is not valid YAML: .* at line \d/);
  });

  test('unknown, missing and out-of-range fields, all at once', async () => {
    const spec = {
      name: 'Many Problems',
      teecher: './teacher',
      student: './student',
      domains: [{ name: 'mail', paths: ['./text/mail'] }],
      mixture: { alpha: 1.5, alfa: 1 },
      optimizer: { learningRate: 1e30 },
      training: { intervals: 0, batchSize: 4, microBatches: 3 },
    };
    await writeFile(join(world.folder, 'many.yaml'), JSON.stringify(spec));
    const lines = (await refused(world, ['run', 'many.yaml'])).trimEnd().split('\n');
    assert.equal(lines[0], 'many.yaml has 8 problems:');
    assert.deepEqual(lines.slice(1).sort(), [
      '  mixture.alfa: is no field of a spec; remove it or mend its spelling (`ddk init` lists all)',
      '  mixture.alpha: must be at most 1, but is 1.5',
      '  name: must be 1 to 63 lower-case letters, digits, dashes, underscores or single inner dots, but is "Many Problems"',
      '  optimizer.learningRate: must be at most 1, but is 1e+30',
      '  teacher: is missing',
      '  teecher: is no field of a spec; remove it or mend its spelling (`ddk init` lists all)',
      '  training.intervals: must be at least 1, but is 0',
      '  training.microBatches: 3 does not divide batchSize 4',
    ]);
  });

  test('alpha below 0', async () => {
    const sentence = await refusedRun('alpha', { mixture: { alpha: -0.1 } });
    assert.match(sentence, /^ {2}mixture\.alpha: must be at least 0, but is -0\.1$/m);
  });

  test('windows longer than a model can take', async () => {
    const sentence = await refusedRun('context', { corpus: { sequenceLength: 64 } });
    assert.match(
      sentence,
      /^corpus\.sequenceLength is 64, but the teacher takes at most 32 positions; lower it\.$/m,
    );
  });

  test('more of the likeliest tokens than there are tokens', async () => {
    assert.match(
      await refusedRun('k', { targets: { k: 257 } }),
      /^targets\.k is 257, .* 257 tokens; take fewer/,
    );
  });

  test('CUDA where there is none', { skip: process.env.DDK_TEST_CUDA === '1' }, async () => {
    const sentence = await refusedRun('cuda', { runtime: { provider: 'cuda' } });
    assert.match(
      sentence,
      /^The provider cuda was asked for, but libonnxruntime_providers_\w+\.so is not in .*; .*cpu or auto\.$/m,
    );
  });
});

describe('the models', { concurrency: 2 }, () => {
  test('a teacher that is not there', async () => {
    assert.match(
      await refusedRun('no-teacher', { teacher: './none' }),
      /^teacher: There is no model folder .*\/none; give one with config\.json, .*\.$/m,
    );
  });

  test('vocabularies of different sizes', async () => {
    const student = await world.model('wide', { vocabSize: 300 });
    const sentence = await refusedRun('vocabulary', { student });
    assert.match(
      sentence,
      /^The teacher has a vocabulary of 257 and the student one of 300; .* must be equal\.$/m,
    );
  });

  test('different tokenizers', async () => {
    const json = JSON.parse(byteLevelTokenizerJson()) as { model: { vocab: Record<string, number> } };
    const { vocab } = json.model;
    [vocab.F, vocab.G] = [vocab.G!, vocab.F!];
    const student = await world.model('swapped', {}, JSON.stringify(json));
    const sentence = await refusedRun('tokenizers', { student });
    assert.match(
      sentence,
      /token 70 is "F" in the teacher and "G" in the student\. Use models that share one tokenizer\.$/m,
    );
  });

  test('weights that are cut off', async () => {
    const teacher = await world.model('torn');
    const file = join(world.folder, teacher, 'model.safetensors');
    await writeFile(file, (await readFile(file)).subarray(0, 20_000));
    assert.match(await refusedRun('torn-weights', { teacher }), /torn\/model\.safetensors/);
  });
});

describe('names and places', { concurrency: 2 }, () => {
  test('runs and models that are not there, commands and options that are none', async () => {
    for (const args of [
      ['show', 'none'],
      ['pause', 'none'],
      ['resume', 'none'],
      ['export', 'none', '--out', 'x'],
    ])
      assert.match(await refused(world, args), /^There is no run "none" in this data folder\./);
    assert.match(
      await refused(world, ['generate', 'none']),
      /^There is no model folder .*none; give one with .*\.$/m,
    );
    for (const args of [['walk'], ['run', 'tiny.yaml', '--fast']]) {
      const { code, stderr } = await world.ddk(args);
      assert.equal(code, 1);
      assert.match(stderr, /^error: unknown (command|option) '.*'$/m);
    }
  });
});

/** The student with some of its weights multiplied. */
async function scaledStudent(name: string, factors: Readonly<Record<string, number>>): Promise<void> {
  const { config, tokenizerContent, weights } = await openModel(join(world.folder, 'student'));
  const parameter = async (parameterName: string) =>
    (await readParameter(weights, parameterName)).map((value) => value * (factors[parameterName] ?? 1));
  await saveModel({ folder: join(world.folder, name), config, tokenizer: tokenizerContent, parameter });
}

test('a loss that is no number any more pauses the run with its reason, and the last weights stay', async () => {
  // The same logits as before, made of one weight without measure and another: so is the gradient of the latter.
  await scaledStudent('student-hot', { 'lm_head.weight': 1e24, 'model.norm.weight': 1e-24 });
  const spec = await world.spec({ name: 'hot', student: './student-hot', optimizer: { clipNorm: 0 } });
  for (const args of [
    ['run', spec],
    ['resume', 'hot'],
  ])
    assert.match(
      await refused(world, args),
      /^hot is paused: step 1 has loss \d\S+ and gradient norm Infinity; its update was discarded: lower the learning rate, .*\..*\.$/m,
    );
  const { run } = resultOf(await succeeds(world, ['show', 'hot', '--json'])) as {
    run: { reason: { code: string }; spec: { baseCheckpointDigest: string }; checkpointDigest: string };
  };
  assert.equal(run.reason.code, 'LOSS_NOT_FINITE');
  assert.equal(run.checkpointDigest, run.spec.baseCheckpointDigest);
});

test('a student that is broken from the start pauses the run before anything is trained', async () => {
  await scaledStudent('student-glowing', { 'lm_head.weight': 1e24 });
  const spec = await world.spec({ name: 'glowing', student: './student-glowing' });
  assert.match(
    await refused(world, ['run', spec]),
    /^glowing is paused: The student's validation loss on domain "mail" is \S+, which is over 700 nats above the teacher's/m,
  );
});

test('a full disk ends the run with one sentence, and with space the same command goes on to the same weights', async (t) => {
  const at = await world.another();
  // Enough for the corpus and the start, too little for the first checkpoint.
  const disk = await smallDisk(join(at.folder, 'data'), 250);
  t.after(async () => {
    await disk.remove();
    await at.remove();
  });
  const args = ['run', 'tiny.yaml', '--data', 'data'];
  const sentence = await refused(at, args, disk.limits);
  assert.match(
    sentence,
    /^The store .*data\/store is full \(while writing an artifact\): free space there, then try again\.$/m,
  );
  await disk.grow();
  const late = resultOf(await succeeds(at, [...args, '--json']));
  const plain = resultOf(await succeeds(at, ['run', 'tiny.yaml', '--json']));
  assert.equal(late.weightsDigest, plain.weightsDigest);
});

/** A world in which the run `long` is being trained for as long as the test lasts. */
async function worldAtWork(
  t: TestContext,
  first: (at: TinyWorld) => Promise<void> = async () => {},
): Promise<{ readonly at: TinyWorld; readonly running: Running }> {
  const at = await world.another();
  await first(at);
  const training = { intervals: 1, intervalSteps: 100_000, batchSize: 16 };
  const running = at.start(['run', await at.spec({ name: 'long', training }), '--json']);
  t.after(async () => {
    running.kill('SIGKILL');
    await running.finished;
    await at.remove();
  });
  assert.ok(await running.said(/"step":\{/), 'it ended before it trained');
  return { at, running };
}

test('a data folder that is deleted under a run ends it with one sentence', async (t) => {
  const { at, running } = await worldAtWork(t);
  await rm(join(at.folder, '.ddk'), { recursive: true, maxRetries: 9 });
  const { code, stderr } = await running.finished;
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /^ddk: The store .*\.ddk\/store is gone \(while .*\): its folder was deleted, moved or unmounted; put it back, or start over with the same command\.\n$/,
  );
});

test('a name stands for one spec and one corpus, and a folder for one process', async (t) => {
  const { at, running: long } = await worldAtWork(t);
  assert.match(
    await refused(at, ['run', 'tiny.yaml']),
    new RegExp(`^Process ${long.pid} is at work in .*--data`),
  );
  await succeeds(at, ['cancel', 'long']);
  const cancelled = /^(ddk: )?long: cancelled\. It cannot be resumed; `ddk run SPEC --from long` .*\.$/m;
  assert.match((await long.finished).stderr, cancelled);
  assert.match(await refused(at, ['resume', 'long']), cancelled);

  await succeeds(at, ['run', 'tiny.yaml']);
  const changed = [
    'run',
    await at.spec({ mixture: { alpha: 0.7 }, training: { intervals: 3 } }, 'changed.yaml'),
  ];
  assert.match(
    await refused(at, changed),
    /^The run "tiny" exists with other values: mixture\.alpha was 0\.5, is 0\.7; training\.intervals was 2, is 3\. Give the spec another name, or set them back to continue that run\.$/m,
  );
  await writeFile(
    join(at.folder, 'text', 'mail', '0.txt'),
    'Another letter, which was not there when the run began.\n',
  );
  assert.match(
    await refused(at, ['run', 'tiny.yaml']),
    /^The run "tiny" exists with another value: corpus \(the text, its split or its windows\) has changed\. /,
  );
});

test('over gRPC the same mistakes have codes and fields', async (t) => {
  const { at } = await worldAtWork(t, async (early) => {
    await succeeds(early, ['run', 'tiny.yaml']);
  });
  const { schedulerAddress } = JSON.parse(
    await readFile(join(at.folder, '.ddk', 'running.json'), 'utf8'),
  ) as {
    schedulerAddress: string;
  };
  const scheduler = await createClient(SchedulerServiceService, schedulerAddress);
  t.after(() => scheduler.close());
  const failure = async (call: () => Promise<unknown>): Promise<DdkError> => {
    const error = await call().then(
      () => assert.fail('it was accepted'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof DdkError);
    return error;
  };

  const { run } = await scheduler.getRun({ run: 'tiny' });
  const spec = RunSpec.create({
    ...run!.spec,
    name: 'Bad',
    mixture: { ...run!.spec!.mixture, alpha: 2 },
    training: undefined,
  });
  const bad = await failure(() => scheduler.createRun({ requestId: 'r1', spec }));
  assert.equal(bad.code, 'invalid_argument');
  assert.deepEqual(bad.violations.map(({ field }) => field).sort(), [
    'spec.mixture.alpha',
    'spec.name',
    'spec.training',
  ]);
  const taken = await failure(() => scheduler.createRun({ requestId: 'r2', spec: run!.spec }));
  assert.deepEqual([taken.code, taken.reason], ['already_exists', 'NAME_TAKEN']);
  for (const call of [
    () => scheduler.getRun({ run: 'none' }),
    () => scheduler.pauseRun({ run: 'none' }),
    () => scheduler.cancelRun({ run: 'none' }),
  ])
    assert.equal((await failure(call)).code, 'not_found');
  for (const call of [
    () => scheduler.pauseRun({ run: 'tiny' }),
    () => scheduler.cancelRun({ run: 'tiny' }),
    () => scheduler.resumeRun({ run: 'tiny', extendByIntervals: 0 }),
  ])
    assert.equal((await failure(call)).code, 'failed_precondition');
});
