// How a command line says where services are, and how they are reached.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Command } from 'commander';
import { DdkError, silentLogger } from '#base';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { Health, service, startServer } from '#rpc';
import { withEvaluator, withScheduler } from '../../services/cli/remote.js';
import {
  addEvaluatorOption,
  addRemoteOptions,
  type RemoteOptions,
  remoteOf,
} from '../../services/cli/remote-options.js';
import { writeSelfSigned } from '../support/certificates.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** What the options of `ddk watch ARGS` say. */
function parse(...args: readonly string[]): RemoteOptions {
  const command = addEvaluatorOption(
    addRemoteOptions(new Command('watch'), 'nothing is asked'),
  ).exitOverride();
  return command
    .configureOutput({ writeErr: () => {} })
    .parse(args, { from: 'user' })
    .opts<RemoteOptions>();
}

function withVariable<T>(name: string, value: string, body: () => T): T {
  process.env[name] = value;
  try {
    return body();
  } finally {
    delete process.env[name];
  }
}

test('without --scheduler the services start here', () => {
  assert.equal(remoteOf(parse(), false), undefined);
  assert.equal(
    withVariable('DDK_SCHEDULER', '', () => remoteOf(parse(), false)),
    undefined,
  );
});

test('the address comes from the option, else from its variable', () => {
  const address = (...args: readonly string[]) => remoteOf(parse(...args), false)?.scheduler;
  withVariable('DDK_SCHEDULER', 'one:1', () => {
    assert.equal(address(), 'one:1');
    assert.equal(address('--scheduler', 'two:2'), 'two:2');
  });
  for (const good of ['127.0.0.1:7000', '[::1]:7000', 'dns:///scheduler.ddk.svc:7000', 'unix:/run/ddk.sock'])
    assert.equal(address('--scheduler', good), good);
  for (const bad of ['localhost', 'host:', ':7000', 'http://host:7000', 'a b:1'])
    assert.throws(() => parse('--scheduler', bad), /It must be host:port/, bad);
});

test('TLS files become the security of the calls; a certificate needs its key', () => {
  const files = ['--tls-ca', 'ca.pem', '--tls-cert', 'me.pem', '--tls-key', 'me.key'];
  assert.deepEqual(remoteOf(parse('--scheduler', 'h:1', ...files), false)?.security, {
    allowPlaintext: false,
    tls: { caPath: 'ca.pem', certPath: 'me.pem', keyPath: 'me.key' },
  });
  assert.deepEqual(remoteOf(parse('--scheduler', 'h:1'), true)?.security, { allowPlaintext: true });
  assert.throws(
    () => remoteOf(parse('--scheduler', 'h:1', '--tls-cert', 'me.pem'), false),
    /--tls-cert and --tls-key are given together/,
  );
});

test('plain text beyond this machine is refused, and an evaluator has to be named', async () => {
  const far = { scheduler: 'scheduler.example:7000', evaluator: undefined, security: {} };
  const body = () => assert.fail('nothing is called');
  await assert.rejects(withScheduler(far, body), { reason: 'PLAINTEXT_REFUSED' });
  await assert.rejects(withEvaluator(far, body), /--evaluator too/);
});

test('a scheduler behind TLS is reached with the files', async (t) => {
  // Self-signed: it is its own authority.
  const { certPath, keyPath } = await writeSelfSigned(await temporaryFolder(t), 'own');
  const server = await startServer({
    address: '127.0.0.1:0',
    services: [service(SchedulerServiceService, emptyScheduler)],
    health: new Health({ logger: silentLogger }),
    logger: silentLogger,
    security: { tls: { certPath, keyPath, caPath: certPath } },
  });
  try {
    const where = ['--scheduler', server.address];
    const files = ['--tls-ca', certPath, '--tls-cert', certPath, '--tls-key', keyPath];
    const remote = remoteOf(parse(...where, ...files), false);
    assert.ok(remote);
    const { runs } = await withScheduler(remote, ({ scheduler }) =>
      scheduler.listRuns({ pageSize: 1, pageToken: '' }),
    );
    assert.deepEqual(runs, []);
  } finally {
    await server.close();
  }
});

const unused = () => {
  throw new DdkError('unimplemented', 'not asked for here');
};

/** A scheduler that has no runs. */
const emptyScheduler = {
  listRuns: async () => ({ runs: [], nextPageToken: '' }),
  listIntervals: unused,
  createRun: unused,
  getRun: unused,
  watchRun: unused,
  pauseRun: unused,
  resumeRun: unused,
  cancelRun: unused,
  previewMixture: unused,
};
