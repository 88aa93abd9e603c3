// TLS for servers and clients from PEM files, and the rule that plain text stays on the loopback interface.
import { isIP } from 'node:net';
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import { DdkError } from '#base';
import { readPemFiles, type TlsFiles } from './pem-files.js';

export interface Security {
  /** Without it the connection is plain text. */
  readonly tls?: TlsFiles;
  /** Permits plain text beyond the loopback interface, for networks that encrypt by themselves. Default false. */
  readonly allowPlaintext?: boolean;
}

export async function serverCredentials(address: string, security: Security): Promise<ServerCredentials> {
  if (security.tls === undefined) {
    refuseRemotePlaintext(address, security, 'serve');
    return ServerCredentials.createInsecure();
  }
  const { certPath, keyPath } = security.tls;
  if (certPath === undefined || keyPath === undefined) {
    throw new DdkError(
      'invalid_argument',
      'a TLS server needs certPath and keyPath; set both or leave out tls',
    );
  }
  const [ca, cert, key] = await readPemFiles(security.tls);
  if (cert === null || key === null)
    throw new DdkError('invalid_argument', 'a TLS server needs certPath and keyPath');
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null);
}

export async function clientCredentials(address: string, security: Security): Promise<ChannelCredentials> {
  if (security.tls === undefined) {
    refuseRemotePlaintext(address, security, 'connect to');
    return ChannelCredentials.createInsecure();
  }
  const { certPath, keyPath } = security.tls;
  if ((certPath === undefined) !== (keyPath === undefined)) {
    throw new DdkError(
      'invalid_argument',
      'a client certificate needs certPath and keyPath; set both or neither',
    );
  }
  const [ca, cert, key] = await readPemFiles(security.tls);
  return ChannelCredentials.createSsl(ca, key, cert);
}

function refuseRemotePlaintext(address: string, security: Security, verb: string): void {
  if (security.allowPlaintext === true || isLoopback(address)) return;
  throw new DdkError(
    'failed_precondition',
    `refusing to ${verb} ${address} in plain text: give TLS files, use a loopback address, or set DDK_ALLOW_INSECURE=true where the network encrypts by itself`,
    { reason: 'PLAINTEXT_REFUSED' },
  );
}

/** Whether an address 'host:port' or 'dns:///host:port' can only be reached from this machine. */
export function isLoopback(address: string): boolean {
  if (address.startsWith('unix:')) return true;
  const host = hostOf(address);
  if (host === 'localhost') return true;
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1';
}

/** The host of 'host:port', '[::1]:port' or 'dns:///host:port'. */
function hostOf(address: string): string {
  const bare = address.replace(/^(dns|ipv4|ipv6):(\/\/[^/]*\/)?/, '');
  const bracketed = /^\[([^\]]*)\]/.exec(bare);
  return bracketed === null ? bare.replace(/:\d+$/, '') : (bracketed[1] ?? '');
}
