// The scheduler as a process of its own: settings, a clear end for bad ones, and SIGTERM.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { DdkError, Environment } from '#base';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { createClient } from '#rpc';
import { claimFolder, openDataStore, readHolder } from '#store';
import { readConfig } from '../../services/scheduler/config.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const main = fileURLToPath(new URL('../../services/scheduler/main.js', import.meta.url));
const addresses = {
  DDK_TEACHER_ADDRESS: '127.0.0.1:9',
  DDK_TRAINER_ADDRESS: '127.0.0.1:9',
  DDK_EVALUATOR_ADDRESS: '127.0.0.1:9',
};

test('settings have defaults, and every problem is told at once', () => {
  const config = readConfig(new Environment(addresses));
  assert.equal(config.listen, '127.0.0.1:0');
  assert.equal(config.data, '.ddk');
  assert.equal(config.graceMs, 25_000);
  assert.deepEqual(config.security, { allowPlaintext: false });
  const broken = { DDK_GRACE_SECONDS: 'soon', DDK_LOG_LEVEL: 'loud', DDK_TLS_CERT: 'cert.pem' };
  assert.throws(
    () => readConfig(new Environment(broken)),
    (error) => {
      assert.ok(error instanceof DdkError);
      assert.deepEqual(error.violations.map(({ field }) => field).sort(), [
        'DDK_EVALUATOR_ADDRESS',
        'DDK_GRACE_SECONDS',
        'DDK_LOG_LEVEL',
        'DDK_TEACHER_ADDRESS',
        'DDK_TLS_CERT',
        'DDK_TRAINER_ADDRESS',
      ]);
      return true;
    },
  );
});

test('TLS files make a TLS server', () => {
  const files = { DDK_TLS_CERT: 'a.pem', DDK_TLS_KEY: 'b.pem', DDK_TLS_CA: 'c.pem' };
  const { security } = readConfig(new Environment({ ...addresses, ...files }));
  assert.deepEqual(security.tls, { certPath: 'a.pem', keyPath: 'b.pem', caPath: 'c.pem' });
});

test('a process with bad settings ends with one sentence', async () => {
  const child = spawn(process.execPath, [main], { env: { DDK_GRACE_SECONDS: '-1' } });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(code, 1);
  assert.match(errors, /^scheduler: invalid_argument: The environment is not usable: .*DDK_TEACHER_ADDRESS/);
  assert.equal(errors.trim().split('\n').length, 1);
});

test('a process whose data folder a live one holds ends with one sentence, and leaves that claim', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await openDataStore(folder);
  const claim = await claimFolder(folder, 'command');
  const child = spawn(process.execPath, [main], { env: { ...addresses, DDK_DATA: folder } });
  t.after(() => child.kill('SIGKILL'));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 1);
  const said = errors.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  assert.equal(said.length, 1);
  assert.match(
    said[0] ?? '',
    new RegExp(`^scheduler: failed_precondition: Process ${process.pid} is at work`),
  );
  assert.equal((await readHolder(folder))?.pid, process.pid);
  await claim.release();
  await store.close();
});

test('a process serves until SIGTERM and then ends well', async (t) => {
  const folder = await temporaryFolder(t);
  const child = spawn(process.execPath, [main], { env: { ...addresses, DDK_DATA: folder } });
  t.after(() => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('close', resolve));
  let address = '';
  for await (const line of createInterface({ input: child.stderr })) {
    const entry = JSON.parse(line) as { msg: string; address?: string };
    if (entry.msg !== 'scheduler is listening') continue;
    address = entry.address ?? '';
    break;
  }
  const holder = await readHolder(folder);
  assert.deepEqual([holder?.pid, holder?.role], [child.pid, 'scheduler']);
  const scheduler = await createClient(SchedulerServiceService, address);
  assert.deepEqual(await scheduler.listRuns({ pageSize: 0, pageToken: '' }), { runs: [], nextPageToken: '' });
  scheduler.close();
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
  assert.equal(await readHolder(folder), undefined);
});
