// Plain text stays on this machine; beyond it there is TLS, with client certificates where an authority is given.
import assert from 'node:assert/strict';
import test from 'node:test';
import { silentLogger } from '#base';
import { createClient, Health, isLoopback, startServer } from '#rpc';
import { writeSelfSigned } from '../../support/certificates.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { EchoService, failure, withEcho } from './echo.js';

test('an address is loopback only if no other machine can reach it', () => {
  for (const address of [
    '127.0.0.1:0',
    'localhost:80',
    '[::1]:5',
    '127.8.8.8:1',
    'dns:///localhost:5',
    'ipv4:127.0.0.1:9',
  ]) {
    assert.equal(isLoopback(address), true, address);
  }
  for (const address of [
    '0.0.0.0:1',
    '[::]:1',
    'example.org:443',
    'dns:///scorer.ddk.svc:50051',
    '127.0.0.1.example.org:1',
  ]) {
    assert.equal(isLoopback(address), false, address);
  }
});

test('plain text beyond the loopback interface is refused unless it is allowed', async () => {
  const settings = {
    address: '0.0.0.0:0',
    services: [],
    health: new Health({ logger: silentLogger }),
    logger: silentLogger,
  };
  await assert.rejects(
    startServer(settings),
    failure('failed_precondition', /0\.0\.0\.0:0 in plain text: .* or set DDK_ALLOW_INSECURE=true/),
  );
  await assert.rejects(
    createClient(EchoService, 'scorer:50051'),
    failure('failed_precondition', /scorer:50051/),
  );
  const server = await startServer({ ...settings, security: { allowPlaintext: true } });
  await server.close();
});

test('an address that is taken is a clear error', () =>
  withEcho({}, async ({ server, health }) => {
    await assert.rejects(
      startServer({ address: server.address, services: [], health, logger: silentLogger }),
      failure(
        'unavailable',
        /cannot listen on 127\.0\.0\.1:\d+: another process has it; give another address in DDK_LISTEN/,
      ),
    );
  }));

test('a missing PEM file is named', () =>
  assert.rejects(
    createClient(EchoService, 'scorer:1', { security: { tls: { caPath: '/nowhere/ca.pem' } } }),
    failure('invalid_argument', /\/nowhere\/ca\.pem/),
  ));

test('with TLS files, only callers with a certificate of the authority are served', async (t) => {
  // Self-signed: the certificate is its own authority, for both sides.
  const own = await writeSelfSigned(await temporaryFolder(t), 'own');
  const tls = { ...own, caPath: own.certPath };
  await withEcho(
    {},
    async ({ client, server }) => {
      assert.deepEqual(await client.ask({ text: 'sealed' }), { text: 'sealed' });
      const refused = (why: string) =>
        failure('unavailable', new RegExp(`^no connection to ${server.address} \\(${why}\\); `));
      const stranger = await createClient(EchoService, server.address, {
        security: { tls: { caPath: own.certPath } },
      });
      await assert.rejects(stranger.ask({ text: '' }, { timeoutMs: 3_000 }), refused('[^:]+'));
      stranger.close();
      const plain = await createClient(EchoService, server.address);
      await assert.rejects(plain.ask({ text: '' }, { timeoutMs: 3_000 }), refused('[^:]+'));
      const distrustful = await createClient(EchoService, server.address, { security: { tls: {} } });
      await assert.rejects(
        distrustful.ask({ text: '' }, { timeoutMs: 3_000 }),
        refused('self-signed certificate'),
      );
      distrustful.close();
      plain.close();
    },
    { security: { tls }, client: { security: { tls } } },
  );
});
