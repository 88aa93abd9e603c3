// Where a server listens and how it is secured, as the environment of a process says it.
import type { Environment } from '#base';
import { readAddress } from './address.js';
import type { Security } from './credentials.js';
import type { TlsFiles } from './pem-files.js';

export interface Serving {
  /** host:port; port 0 takes a free one. */
  readonly listen: string;
  /** Of the server, and of calls to other services. */
  readonly security: Security;
}

/** Reads DDK_LISTEN, DDK_TLS_CERT, DDK_TLS_KEY, DDK_TLS_CA (PEM files) and DDK_ALLOW_INSECURE. */
export function readServing(env: Environment): Serving {
  return { listen: readAddress(env, 'DDK_LISTEN', '127.0.0.1:0'), security: readSecurity(env) };
}

function readSecurity(env: Environment): Security {
  const certPath = env.optional('DDK_TLS_CERT');
  const keyPath = env.optional('DDK_TLS_KEY');
  const caPath = env.optional('DDK_TLS_CA');
  if ((certPath === undefined) !== (keyPath === undefined)) {
    env.reject('DDK_TLS_CERT', 'and DDK_TLS_KEY are given together or not at all');
  }
  const tls: TlsFiles = {
    ...(certPath && { certPath }),
    ...(keyPath && { keyPath }),
    ...(caPath && { caPath }),
  };
  const allowPlaintext = env.boolean('DDK_ALLOW_INSECURE', false);
  return { allowPlaintext, ...(Object.keys(tls).length > 0 && { tls }) };
}
