// Why there is no connection, in words: grpc-js keeps what the system and TLS have said to itself until a call fails of it.
import { type Client as Channel, Metadata } from '@grpc/grpc-js';
import { DdkError } from '#base';
import { connectionFailure } from './call-error.js';

/** A call on a channel that has just failed to connect fails as soon as it has been tried again. */
const askMs = 2_000;

const reasons: readonly (readonly [said: RegExp, reason: string])[] = [
  [/ECONNREFUSED/, 'nothing listens there; start the service, or correct the address'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, 'there is no host of that name; correct the address'],
  [/Protocol error/, 'it is no gRPC service; correct the address'],
  [/EHOSTUNREACH|ENETUNREACH/, 'no way leads there; correct the address'],
  [
    /wrong version number|packet length too long|record layer|unknown protocol|http request/i,
    'it does not speak TLS; leave the TLS files out, or give them to the service too',
  ],
  [
    /self.signed|unable to (verify|get)|issuer|certificate has expired|ERR_TLS_CERT_ALTNAME|altnames/i,
    'its certificate is not accepted (%); give the authority that signed it (--tls-ca, DDK_TLS_CA)',
  ],
  [
    /alert|handshake|certificate required/i,
    'it refuses the TLS connection (%); give the certificate it asks for (--tls-cert and --tls-key, DDK_TLS_CERT and DDK_TLS_KEY)',
  ],
];

/** The error for a channel that has not become ready in time. */
export async function noConnection(
  channel: Channel,
  address: string,
  { timeoutMs, secured }: { readonly timeoutMs: number; readonly secured: boolean },
): Promise<DdkError> {
  const said = await lastFailure(channel, address);
  return new DdkError(
    'unavailable',
    `no connection to ${address} within ${timeoutMs} ms: ${why(said, secured)}`,
  );
}

function why(said: string, secured: boolean): string {
  const known = reasons.find(([pattern]) => pattern.test(said));
  if (known) return known[1].replace('%', said);
  if (/ECONNRESET|closed|GOAWAY|dropped|socket|Failed to connect/i.test(said))
    return secured
      ? 'it closes the connection; give a certificate of an authority that it knows (--tls-cert and --tls-key, DDK_TLS_CERT and DDK_TLS_KEY)'
      : 'it closes the connection; if it speaks TLS, give the TLS files (--tls-ca, DDK_TLS_CA), and the address of a gRPC service in any case';
  return said === '' ? 'it does not answer; is it running?' : `${said}; is it running?`;
}

function lastFailure(channel: Channel, address: string): Promise<string> {
  return new Promise((resolve) => {
    channel.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      () => Buffer.alloc(0),
      (bytes) => bytes,
      undefined,
      new Metadata({ waitForReady: false }),
      { deadline: Date.now() + askMs },
      (error) =>
        resolve(
          error === null || /deadline/i.test(error.details)
            ? ''
            : (connectionFailure(error.details, address) ?? error.details),
        ),
    );
  });
}
