// What a command that has failed says, to people and to scripts.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Command } from 'commander';
import { DdkError, invalidArgument } from '#base';
import { asksForJson, errorOf, failureLine, proseOf } from '../../services/cli/tell-failure.js';

/** What commander throws for `ddk ARGS`. */
async function thrown(...args: readonly string[]): Promise<unknown> {
  const silent = { writeErr: () => {}, writeOut: () => {} };
  const program = new Command('ddk').exitOverride().configureOutput(silent).version('1');
  program.command('run <spec>').action(() => {});
  return program.parseAsync(args, { from: 'user' }).then(
    () => assert.fail('it was accepted'),
    (error: unknown) => error,
  );
}

test('scripts get code, reason, sentence and violations in one object', () => {
  const violations = [{ field: 'mixture.alpha', description: 'must be at most 1' }];
  const error = new DdkError('failed_precondition', 'It cannot be.', { reason: 'NAME_TAKEN', violations });
  assert.deepEqual(failureLine(error), {
    type: 'error',
    code: 'failed_precondition',
    reason: 'NAME_TAKEN',
    message: 'It cannot be.',
    violations,
  });
  assert.equal(failureLine(new DdkError('internal', 'x')).reason, '');
});

test('people get the sentence, and the violations that it leaves out', () => {
  const violations = [{ field: 'a', description: 'is wrong' }];
  assert.equal(proseOf(new DdkError('invalid_argument', 'No.', { violations })), 'ddk: No.\n  a: is wrong\n');
  assert.equal(proseOf(invalidArgument(violations)), 'ddk: a is wrong.\n');
});

test('a mistake in the command line is a refusal like others, and is not said twice', async () => {
  const error = errorOf(await thrown('run', 'x', '--fast'));
  assert.ok(error);
  assert.deepEqual(failureLine(error), {
    type: 'error',
    code: 'invalid_argument',
    reason: 'UNKNOWN_OPTION',
    message: "unknown option '--fast'",
    violations: [],
  });
  assert.equal(proseOf(error), '');
  assert.equal(errorOf(await thrown())?.message, 'no command was given; `ddk --help` lists them');
});

test('help and version are no failures', async () => {
  for (const args of [['--help'], ['--version'], ['run', '--help'], ['help', 'run']])
    assert.equal(errorOf(await thrown(...args)), undefined, args.join(' '));
});

test('an interruption says how to go on', () => {
  const error = new DdkError('cancelled', 'Stopping: SIGINT.');
  const sentence = 'Interrupted. The same command continues where this one was.';
  assert.equal(proseOf(error), `${sentence}\n`);
  assert.equal(failureLine(error).message, sentence);
  const elsewhere = new DdkError('cancelled', 'tiny goes on at h:1.', { reason: 'RUN_GOES_ON' });
  assert.equal(proseOf(elsewhere), 'tiny goes on at h:1.\n');
});

test('JSON is asked for anywhere among the options', () => {
  assert.equal(asksForJson(['run', 'x', '--json']), true);
  assert.equal(asksForJson(['--json', '--nope']), true);
  assert.equal(asksForJson(['run', 'x']), false);
  assert.equal(asksForJson(['generate', '--', '--json']), false);
});
