// The command line itself: what its options take, and what its help says of them.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { type Command, CommanderError } from 'commander';
import { createProgram } from '../../services/cli/program.js';
import { errorOf } from '../../services/cli/tell-failure.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const program = (data = '.ddk'): Command =>
  createProgram({ data, telemetryEndpoint: undefined, allowInsecure: false }, new AbortController().signal);

/** The sentence with which `ddk ARGS` is refused. */
async function refused(t: TestContext, args: readonly string[], data?: string): Promise<string> {
  t.mock.method(process.stderr, 'write', () => true);
  try {
    const error = await program(data)
      .parseAsync(args, { from: 'user' })
      .then(() => assert.fail(`ddk ${args.join(' ')} was accepted`), errorOf);
    assert.ok(error);
    assert.equal(error.code, 'invalid_argument');
    return error.message;
  } finally {
    t.mock.restoreAll();
  }
}

const pretrain = ['pretrain', 'out', '--text', 'a=b'];
const between = (least: number, most: number) => `It must be a whole number from ${least} to ${most}.`;

for (const [args, sentence] of [
  [['pretrain', 'out'], "required option '--text <name=paths>' not specified"],
  [[...pretrain, '--threads', '100000'], between(0, 1024)],
  [[...pretrain, '--length', '1e8'], between(1, 1_048_576)],
  [[...pretrain, '--batch', '1e9'], between(1, 65_536)],
  [[...pretrain, '--hidden', '1e9'], between(1, 65_536)],
  [[...pretrain, '--layers', '1e9'], between(1, 1024)],
  [[...pretrain, '--steps', '0'], between(1, 2 ** 31 - 1)],
  [[...pretrain, '--seed', ''], between(0, 2 ** 32 - 1)],
  [[...pretrain, '--seed', '1.5'], between(0, 2 ** 32 - 1)],
  [[...pretrain, '--validation', '100000'], between(1, 65_536)],
  [[...pretrain, '--lr', '1e30'], 'It must be a number above 0, at most 1.'],
  [[...pretrain, '--lr', '0'], 'It must be a number above 0, at most 1.'],
  [['pretrain', '', '--text', 'a=b'], 'It is empty. Name a new folder.'],
  [['resume', 'x', '--extend', '10001'], between(1, 10_000)],
  [['gc', '--grace-minutes', '1e30'], between(0, 5_256_000)],
  [['generate', 'm', '--tokens', '1e9'], between(1, 1_000_000)],
  [['generate', 'm', '--temperature', 'hot'], 'It must be a number from 0 to 100.'],
  [['export', 'x', '--out', ''], 'It is empty. Name a new folder.'],
  [['--data', '', 'runs'], 'It is empty. Name a folder, or leave the option out.'],
  [['runs', '--scheduler', 'h:99999'], 'It must end with a port from 0 to 65535.'],
  [['cancel', 'x', '--scheduler', ''], 'It is empty. Give a value, or leave the option out.'],
  [['runs', '--tls-ca', ''], 'It is empty. Give a value, or leave the option out.'],
  [['preview', 'x.yaml', '--evaluator', ''], 'It is empty. Give a value, or leave the option out.'],
  [['help', 'bogus'], "unknown command 'bogus'"],
  [
    ['run', 'none.yaml', '--from-best'],
    '--from-best says which checkpoint of another run; name that run with --from.',
  ],
] as const)
  test(`\`ddk ${args.join(' ')}\` is refused with the option, its value and what it may be`, async (t) => {
    const message = await refused(t, args);
    assert.ok(message.endsWith(sentence), message);
    if (sentence.startsWith('It '))
      assert.match(message, /^(option|command-argument value) '.*'.* is invalid( for argument 'out')?\. /);
  });

test('an empty variable counts as an option that was left out', async (t) => {
  process.env.DDK_SCHEDULER = '';
  t.after(() => {
    delete process.env.DDK_SCHEDULER;
  });
  const args = ['show', 'x'];
  const asked = program(join(await temporaryFolder(t), '.ddk')).parseAsync(args, { from: 'user' });
  await assert.rejects(asked, /There is no run "x" in this data folder\./);
});

test('what is only looked at is not made', async (t) => {
  const root = await temporaryFolder(t);
  t.mock.method(process.stdout, 'write', () => true);
  t.mock.method(process.stderr, 'write', () => true);
  for (const args of [
    ['runs'],
    ['gc'],
    ['gc', '--delete'],
    ['show', 'x'],
    ['watch', 'x'],
    ['pause', 'x'],
    ['cancel', 'x'],
    ['resume', 'x'],
    ['report', 'x'],
    ['export', 'x', '--out', join(root, 'out')],
    ['run', join(root, 'none.yaml')],
    ['preview', join(root, 'none.yaml')],
    ['pretrain', '/dev/null/out', '--text', 'a=b'],
  ]) {
    await program(join(root, '.ddk'))
      .parseAsync(args, { from: 'user' })
      .catch((error: unknown) => assert.ok(!(error instanceof CommanderError), String(error)));
    assert.deepEqual(await readdir(root), [], `ddk ${args.join(' ')}`);
  }
});

test('the help of every command names the global options', () => {
  for (const command of program().commands) {
    const help = command.helpInformation();
    for (const option of ['--data <folder>', '--json', '--log-level <level>'])
      assert.ok(help.includes(option), `${command.name()} lacks ${option}`);
  }
});

test('what a command does without a scheduler is what its help says', () => {
  const said = (name: string): string =>
    /left out: ([^(]*) \(env/.exec(
      program()
        .commands.find((command) => command.name() === name)
        ?.helpInformation()
        .replace(/\s+/g, ' ') ?? '',
    )?.[1] ?? '';
  for (const name of ['run', 'preview']) assert.equal(said(name), 'services start in this process', name);
  for (const name of ['runs', 'show']) assert.equal(said(name), 'the data folder is read', name);
  for (const name of ['watch', 'resume', 'pause', 'cancel'])
    assert.match(
      said(name),
      /^a `ddk run` at work in the data folder.*; a scheduler at work there must be given$/,
      name,
    );
});
