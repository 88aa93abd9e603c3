// Certificates made on the spot: P-256 keys, signed with ECDSA and SHA-256, each its own authority.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bits, boolean, implicit, integer, octets, oid, sequence, set, tagged, time, utf8 } from './der.js';

const dayMs = 24 * 3600 * 1000;
const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));

export interface PemFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/**
 * Writes a certificate of that name for `localhost` and 127.0.0.1, valid for a day, and its key, as PEM: `<name>.pem` and
 * `<name>.key`.
 */
export async function writeSelfSigned(folder: string, name: string): Promise<PemFiles> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = sequence(set(sequence(oid('2.5.4.3'), utf8(name))));
  const names = sequence(implicit(2, Buffer.from('localhost')), implicit(7, Buffer.of(127, 0, 0, 1)));
  // RFC 5280, section 4.1.
  const toBeSigned = sequence(
    tagged(0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ecdsaWithSha256,
    subject,
    sequence(time(Date.now() - dayMs), time(Date.now() + dayMs)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    // basicConstraints, critical: an authority; subjectAltName.
    tagged(
      3,
      sequence(
        sequence(oid('2.5.29.19'), boolean(true), octets(sequence(boolean(true)))),
        sequence(oid('2.5.29.17'), octets(names)),
      ),
    ),
  );
  const signed = sequence(toBeSigned, ecdsaWithSha256, bits(sign('sha256', toBeSigned, privateKey)));
  const lines = signed.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  const files = { certPath: join(folder, `${name}.pem`), keyPath: join(folder, `${name}.key`) };
  await writeFile(files.certPath, `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`);
  await writeFile(files.keyPath, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return files;
}
