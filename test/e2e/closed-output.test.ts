// A command whose reader goes away ends in order, without a word.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type TinyWorld, tinyWorld } from '../support/tiny-world.js';

const main = fileURLToPath(new URL('../../services/cli/main.js', import.meta.url));

let world: TinyWorld;
before(async () => {
  world = await tinyWorld();
});
after(() => world.remove());

/** Starts `ddk ARGS` and closes one of its outputs once it has said `pattern` there. */
function readUntil(
  args: readonly string[],
  output: 'stdout' | 'stderr',
  pattern: RegExp,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: world.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const heard = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      heard[name] += text;
      if (name === output && pattern.test(heard[name])) child[name].destroy();
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve({ code, ...heard }));
  });
}

test('a run whose standard output is closed commits, lets go of the folder, and can be continued', async () => {
  const spec = await world.spec({ name: 'long', training: { intervals: 2, intervalSteps: 20_000 } });
  const ended = await readUntil(['run', spec, '--json'], 'stdout', /"step":/);
  assert.equal(ended.code, 141);
  assert.equal(ended.stderr, '');
  const left = await readdir(join(world.folder, '.ddk'));
  assert.ok(!left.includes('running.json'), left.join(', '));
  const { stdout } = await world.ddk(['show', 'long', '--json']);
  const { result } = JSON.parse(stdout) as { result: { run: { failures: number } } };
  assert.equal(result.run.failures, 0);
});

test('the same where standard error is closed', async () => {
  const spec = await world.spec({ name: 'quiet', training: { intervals: 500 } });
  const ended = await readUntil(['run', spec], 'stderr', /training interval 1/);
  assert.equal(ended.code, 141);
  assert.doesNotMatch(ended.stderr, /Error|EPIPE/);
});

test('a result that is only read in part is no error', async () => {
  const ended = await readUntil(['--help'], 'stdout', /./);
  assert.doesNotMatch(ended.stderr, /Error|EPIPE/);
});

/** The exit code of `ddk ARGS` whose standard output is kept on a full disk. */
async function onFullDisk(args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const full = await open('/dev/full', 'w');
  try {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: world.folder,
      stdio: ['ignore', full.fd, 'pipe'],
    });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stderr }));
    });
  } finally {
    await full.close();
  }
}

test('a result that cannot be kept makes a failure of a command, however short', {
  skip: !existsSync('/dev/full'),
}, async () => {
  for (const args of [['runs'], ['runs', '--json'], ['gc'], ['inspect', 'student'], ['--version']]) {
    const { code, stderr } = await onFullDisk(args);
    assert.equal(code, 1, `ddk ${args.join(' ')}`);
    assert.match(stderr, /^ddk: There is no space left on the disk: .*\.\n$/);
  }
});

test('a spec that cannot be written whole is not there at all', async () => {
  const { code, stderr } = await world.ddk(['init', 'cut.yaml'], { maxFileKiB: 0 });
  assert.equal(code, 1);
  assert.match(stderr, /^ddk: cut\.yaml cannot be written: .*; give another name\.\n$/);
  const left = await readdir(world.folder);
  assert.deepEqual(
    left.filter((name) => name.includes('cut.yaml')),
    [],
  );
});
