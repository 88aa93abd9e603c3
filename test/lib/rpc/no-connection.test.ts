// A client that gets no connection says why, as far as the system and TLS have said it.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { silentLogger } from '#base';
import { createClient, Health, type RunningServer, type Security, startServer } from '#rpc';
import { writeSelfSigned } from '../../support/certificates.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { EchoService, failure } from './echo.js';

async function server(t: TestContext, security: Security = {}): Promise<RunningServer> {
  const health = new Health({ logger: silentLogger });
  const settings = { address: '127.0.0.1:0', services: [], health, logger: silentLogger, security };
  const running = await startServer(settings);
  t.after(() => running.close());
  return running;
}

async function refused(address: string, reason: RegExp, security: Security = {}): Promise<void> {
  const client = await createClient(EchoService, address, { security });
  try {
    const message = new RegExp(`^no connection to ${address} within 300 ms: ${reason.source}`);
    await assert.rejects(client.ready(300), failure('unavailable', message));
  } finally {
    client.close();
  }
}

/** Two certificates that know nothing of each other, and a file that is none. */
async function certificates(t: TestContext): Promise<(name: string) => string> {
  const folder = await temporaryFolder(t);
  for (const name of ['own', 'other']) await writeSelfSigned(folder, name);
  await writeFile(join(folder, 'junk.pem'), 'junk');
  return (name) => join(folder, name);
}

test('nobody listens, or somebody who does not answer', async (t) => {
  const sockets: Socket[] = [];
  const mute = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    mute.close();
  });
  const { port } = mute.address() as { port: number };
  await refused(`127.0.0.1:${port}`, /it does not answer; is it running\?$/);
  const { address, close } = await server(t);
  await close();
  await refused(address, /nothing listens there; start the service, or correct the address$/);
});

test('one side speaks TLS and the other does not, or neither knows the other', async (t) => {
  const file = await certificates(t);
  const identity = { certPath: file('own.pem'), keyPath: file('own.key') };
  const plain = await server(t);
  const sealed = await server(t, { tls: identity });
  const mutual = await server(t, { tls: { ...identity, caPath: file('own.pem') } });
  const known = { caPath: file('own.pem') };
  await refused(plain.address, /it does not speak TLS; leave the TLS files out/, { tls: known });
  await refused(sealed.address, /it closes the connection; if it speaks TLS, give the TLS files/);
  await refused(
    sealed.address,
    /its certificate is not accepted \(self-signed certificate\); give the authority/,
    {
      tls: { caPath: file('other.pem') },
    },
  );
  await refused(mutual.address, /it refuses the TLS connection \([^:]*\); give the certificate it asks for/, {
    tls: known,
  });
});

test('PEM files that are none, or do not belong together, are named', async (t) => {
  const file = await certificates(t);
  const [junk, pem, key] = [file('junk.pem'), file('own.pem'), file('own.key')];
  for (const [tls, message] of [
    [{ caPath: junk }, /junk\.pem holds no PEM certificate; replace it/],
    [{ certPath: junk, keyPath: key }, /junk\.pem holds no PEM certificate; replace it/],
    [{ certPath: pem, keyPath: junk }, /junk\.pem holds no PEM private key .*; replace it/],
    [
      { certPath: pem, keyPath: file('other.key') },
      /other\.key does not hold the key of the certificate in .*own\.pem; replace it/,
    ],
  ] as const) {
    await assert.rejects(
      createClient(EchoService, '127.0.0.1:1', { security: { tls } }),
      failure('invalid_argument', message),
    );
    if ('certPath' in tls) await assert.rejects(server(t, { tls }), failure('invalid_argument', message));
  }
});
