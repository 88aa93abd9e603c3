// What a process does from start to end: configuration, logs, failpoints, termination.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import {
  createLogger,
  DdkError,
  Environment,
  formatBytes,
  formatCount,
  formatDurationMs,
  Lifecycle,
  setLogContext,
} from '#base';
import { temporaryFolder } from '../../support/temporary-folder.js';

interface Outcome {
  readonly stdout: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function run(
  program: string,
  env: Record<string, string>,
  onOutput?: (kill: () => void) => void,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      onOutput?.(() => child.kill('SIGTERM'));
    });
    child.on('close', (code, signal) => resolve({ stdout, code, signal }));
  });
}

const countingProgram = `
  import { failpoint } from '#base';
  import { writeSync } from 'node:fs';
  for (const n of [1, 2, 3]) { failpoint('other'); failpoint('here'); writeSync(1, String(n)); }`;

test('an armed failpoint kills the process at its n-th hit, and another one does nothing', async () => {
  const [first, third, none] = await Promise.all([
    run(countingProgram, { DDK_FAILPOINT: 'here' }),
    run(countingProgram, { DDK_FAILPOINT: 'here:3' }),
    run(countingProgram, { DDK_FAILPOINT: 'elsewhere' }),
  ]);
  assert.deepEqual(first, { stdout: '', code: null, signal: 'SIGKILL' });
  assert.deepEqual(third, { stdout: '12', code: null, signal: 'SIGKILL' });
  assert.deepEqual(none, { stdout: '123', code: 0, signal: null });
});

const stoppingProgram = (closing: string): string => `
  import { Lifecycle, onTermination } from '#base';
  import { writeSync } from 'node:fs';
  const lifecycle = new Lifecycle();
  const alive = setInterval(() => {}, 1000);
  lifecycle.defer('timer', () => clearInterval(alive));
  lifecycle.defer('work', ${closing});
  onTermination(lifecycle, 60_000);
  writeSync(1, 'up ');`;

test('a termination signal closes everything and the process ends well', async () => {
  let killed = false;
  const outcome = await run(stoppingProgram(`() => { writeSync(1, 'closed'); }`), {}, (kill) => {
    // Once: a second signal is another test.
    if (!killed) kill();
    killed = true;
  });
  assert.deepEqual(outcome, { stdout: 'up closed', code: 0, signal: null });
});

test('a second signal ends a process that hangs while closing', async () => {
  const hanging = `() => new Promise(() => { writeSync(1, 'closing '); })`;
  const outcome = await run(stoppingProgram(hanging), {}, (kill) => kill());
  assert.deepEqual(outcome, { stdout: 'up closing ', code: 143, signal: null });
});

test('what was opened is closed once, in reverse order, whatever fails on the way', async () => {
  const closed: string[] = [];
  const lifecycle = new Lifecycle();
  lifecycle.defer('first', () => void closed.push('first'));
  lifecycle.defer('second', () => Promise.reject(new Error('stuck')));
  lifecycle.defer('third', async () => {
    assert.ok(lifecycle.signal.aborted);
    closed.push('third');
  });
  await Promise.all([lifecycle.stop('test'), lifecycle.stop('again')]);
  assert.deepEqual(closed, ['third', 'first']);
  assert.match(String(lifecycle.signal.reason), /Stopping: test/);
  lifecycle.defer('late', () => void closed.push('late'));
  await lifecycle.stop('once more');
  assert.deepEqual(closed, ['third', 'first', 'late']);
});

test('configuration is read with its types and defaults', () => {
  const environment = new Environment({ PORT: ' 8080 ', ON: 'TRUE', MODE: 'cuda', EMPTY: '' });
  assert.equal(environment.integer('PORT', { min: 0, max: 65_535 }), 8080);
  assert.equal(environment.integer('EMPTY', { min: 0, max: 9, fallback: 3 }), 3);
  assert.equal(environment.boolean('ON'), true);
  assert.equal(environment.boolean('OFF', false), false);
  assert.equal(environment.choice('MODE', ['cpu', 'cuda']), 'cuda');
  assert.equal(environment.string('NAME', 'ddk'), 'ddk');
  assert.equal(environment.optional('EMPTY'), undefined);
  environment.done();
});

test('all problems of a configuration are told at once', () => {
  const environment = new Environment({ PORT: '80x', LOW: '-1', ON: 'maybe', MODE: 'tpu' });
  environment.integer('PORT', { min: 0, max: 65_535 });
  environment.integer('LOW', { min: 0, max: 9 });
  environment.boolean('ON');
  environment.choice('MODE', ['cpu', 'cuda']);
  environment.string('NAME');
  environment.reject('TLS', 'needs TLS_KEY');
  assert.throws(
    () => environment.done(),
    (error) => {
      assert.ok(error instanceof DdkError && error.code === 'invalid_argument');
      assert.deepEqual(error.violations, [
        { field: 'PORT', description: 'must be a whole number from 0 to 65535, is "80x"' },
        { field: 'LOW', description: 'must be a whole number from 0 to 9, is "-1"' },
        { field: 'ON', description: 'must be true or false, is "maybe"' },
        { field: 'MODE', description: 'must be one of cpu, cuda, is "tpu"' },
        { field: 'NAME', description: 'is not set; give a value' },
        { field: 'TLS', description: 'needs TLS_KEY' },
      ]);
      for (const { field } of error.violations) assert.ok(error.message.includes(field));
      return true;
    },
  );
});

test('a log line carries its fields, its error and the context of the moment', async (t) => {
  const folder = await temporaryFolder(t);
  t.after(() => setLogContext(() => ({})));
  const path = join(folder, 'log');
  const logger = createLogger('trainer', { destination: path, bindings: { run: 'r1' } });
  setLogContext(() => ({ trace_id: 'abc' }));
  logger.debug('not at this level');
  logger.child({ step: 7 }).warn({ err: new DdkError('data_loss', 'lost') }, 'careful');
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0]!);
  assert.equal(line.name, 'trainer');
  assert.equal(line.level, 'warn');
  assert.equal(line.run, 'r1');
  assert.equal(line.step, 7);
  assert.equal(line.trace_id, 'abc');
  assert.equal(line.msg, 'careful');
  assert.equal(line.err.code, 'data_loss');
  assert.match(line.time, /^\d{4}-\d\d-\d\dT/);
});

test('quantities are written as people read them', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 1023.9 * 1024, 5e9].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.00 KiB',
    '1.50 KiB',
    '1.00 MiB',
    '4.66 GiB',
  ]);
  assert.deepEqual([7, 999, 1000, 12_345, 999_900, 5.3e6].map(formatCount), [
    '7',
    '999',
    '1.00k',
    '12.3k',
    '1.00M',
    '5.30M',
  ]);
  assert.deepEqual([3, 999.7, 12_300, 59_960, 245_000, 7_380_000].map(formatDurationMs), [
    '3 ms',
    '1.0 s',
    '12.3 s',
    '1 min 00 s',
    '4 min 05 s',
    '2 h 03 min',
  ]);
});
