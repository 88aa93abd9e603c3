// What Ctrl-C makes of a command, by the moment at which it comes.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach, type TestContext } from 'node:test';
import { DdkError } from '#base';
import { withContext } from '../../services/cli/session.js';

const options = {
  data: '.ddk',
  json: true,
  logLevel: 'info',
  outputClosed: new AbortController().signal,
} as const;

const listeners = (['SIGINT', 'SIGTERM'] as const).map((name) => ({ name, own: process.listeners(name) }));
const { exitCode } = process;

beforeEach(() => {
  process.exitCode = undefined;
});
afterEach(() => {
  process.exitCode = exitCode;
  for (const { name, own } of listeners)
    for (const listener of process.listeners(name)) if (!own.includes(listener)) process.off(name, listener);
});

/** The codes with which the process would have ended itself: undefined where it takes the one that is set. */
function exits(t: TestContext): readonly unknown[] {
  const codes: unknown[] = [];
  t.mock.method(process, 'exit', (code?: number) => void codes.push(code));
  return codes;
}

const interrupt = (signal: 'SIGINT' | 'SIGTERM' = 'SIGINT') => void process.emit(signal, signal);

for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  test(`a command that ends for ${name} has its exit code`, async () => {
    const command = withContext(options, async ({ signal }) => {
      interrupt(name);
      signal.throwIfAborted();
    });
    await assert.rejects(command, (error) => error instanceof DdkError && error.code === 'cancelled');
    assert.equal(process.exitCode, code);
  });

test('a command that has told its result is done, though the signal comes before all is closed', async (t) => {
  const codes = exits(t);
  const result = await withContext(options, async () => {
    interrupt();
    return 'told';
  });
  assert.equal(result, 'told');
  assert.equal(process.exitCode, undefined);
  assert.deepEqual(codes, []);
});

test('a signal after a command that is done ends the process as one that is done', async (t) => {
  await withContext(options, async () => {});
  const codes = exits(t);
  interrupt();
  assert.deepEqual(codes, [undefined]);
  assert.equal(process.exitCode, undefined);
});

test('a signal after a command that has failed leaves time to say why, a second one does not', async (t) => {
  await assert.rejects(withContext(options, () => Promise.reject(new Error('no'))));
  const codes = exits(t);
  interrupt();
  assert.deepEqual(codes, []);
  interrupt();
  assert.deepEqual(codes, [130]);
});

test('a second signal ends a command that does not end itself', async (t) => {
  const codes = exits(t);
  await withContext(options, async ({ signal }) => {
    interrupt();
    assert.equal(signal.aborted, true);
    interrupt('SIGTERM');
  });
  assert.deepEqual(codes, [143]);
});
