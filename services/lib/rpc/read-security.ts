// How servers and clients are secured, as the environment of a process says it.
import type { Environment } from '#base';
import type { Security, TlsFiles } from './credentials.js';

/** Reads DDK_TLS_CERT, DDK_TLS_KEY, DDK_TLS_CA (PEM files) and DDK_ALLOW_INSECURE; notes what contradicts itself. */
export function readSecurity(env: Environment): Security {
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
