// The services as processes of their own: a clear end for wrong settings, an orderly one for SIGTERM.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { createModel } from '#model';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { createClient } from '#rpc';
import { chooseProvider } from '#runtime';
import { byteLevelTokenizerJson } from '#tokenizer';
import { temporaryFolder } from '../support/temporary-folder.js';
import { config } from './served.js';

const services = fileURLToPath(new URL('../../services/', import.meta.url));

function start(service: string, env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, [path.join(services, service, 'main.js')], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function ended(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

test('wrong settings are all named in one sentence, without a stack', async () => {
  const { code, stderr } = await ended(
    start('teacher-scoring', { DDK_THREADS: 'many', DDK_PROVIDER: 'tpu' }),
  );
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^teacher-scoring: invalid_argument: .*DDK_MODEL.*DDK_PROVIDER.*"tpu".*DDK_THREADS.*"many"/,
  );
  assert.ok(!stderr.includes('    at '), stderr);
});

test('a model folder that is not there is named', async () => {
  const { code, stderr } = await ended(
    start('teacher-scoring', { DDK_MODEL: '/nowhere/teacher', DDK_LOG_LEVEL: 'silent' }),
  );
  assert.equal(code, 1);
  assert.match(stderr, /not_found: .*\/nowhere\/teacher/);
});

for (const service of ['student-trainer', 'domain-evaluator'])
  test(`the ${service} refuses to start on a provider that is not there, with the remedy`, async (t) => {
    if (chooseProvider('auto').provider === 'cuda') return t.skip('this machine has the CUDA provider');
    const child = start(service, {
      DDK_PROVIDER: 'cuda',
      DDK_TEACHER_ADDRESS: '127.0.0.1:9',
      DDK_DATA: await temporaryFolder(t),
      DDK_LOG_LEVEL: 'silent',
    });
    // One that starts nevertheless would serve for ever.
    const served = setTimeout(() => child.kill('SIGKILL'), 20_000);
    const { code, stderr } = await ended(child);
    clearTimeout(served);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^[a-z-]+: failed_precondition: The provider cuda was asked for, but .* set the provider to cpu or auto\.\n$/,
    );
  });

test('the evaluator names what it misses', async () => {
  const { code, stderr } = await ended(start('domain-evaluator', {}));
  assert.equal(code, 1);
  assert.match(stderr, /^domain-evaluator: invalid_argument: .*DDK_TEACHER_ADDRESS/);
});

for (const runtime of ['c-api', 'binding'])
  test(`a served model answers at the address that is logged, and SIGTERM ends the process (${runtime})`, async (t) => {
    const folder = await temporaryFolder(t);
    const model = await createModel({
      folder: path.join(folder, 'teacher'),
      config,
      tokenizerJson: byteLevelTokenizerJson(),
      seed: 1,
    });
    const child = start('teacher-scoring', {
      DDK_MODEL: model.folder,
      DDK_PROVIDER: 'cpu',
      DDK_THREADS: '1',
      DDK_RUNTIME: runtime,
    });
    t.after(() => child.kill('SIGKILL'));
    const address = await new Promise<string>((resolve, reject) => {
      let log = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        const found = /"address":"([^"]+)"/.exec(log)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.on('close', () => reject(new Error(`ended before it listened: ${log}`)));
    });
    const client = await createClient(TeacherScoringServiceService, address);
    assert.equal((await client.describeModel({})).fingerprint, model.fingerprint);
    child.kill('SIGTERM');
    const [code, signal] = await once(child, 'close');
    client.close();
    assert.deepEqual([code, signal], [0, null]);
  });
