// The PEM files of one side of a connection, checked before they are used: what TLS itself says of them names no file.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DdkError } from '#base';

export interface TlsFiles {
  /** Certificates of the authorities that the other side must be signed by. On a server it makes client certificates
   * mandatory (mTLS); on a client it replaces the system's authorities. */
  readonly caPath?: string;
  /** This side's certificate chain; a server must have one. */
  readonly certPath?: string;
  /** The private key of `certPath`. */
  readonly keyPath?: string;
}

/** Throws `invalid_argument` naming the file that is missing or unusable, or the key that is not the certificate's. */
export async function readPemFiles({
  caPath,
  certPath,
  keyPath,
}: TlsFiles): Promise<[ca: Buffer | null, cert: Buffer | null, key: Buffer | null]> {
  const [ca, cert, key] = await Promise.all([read(caPath), read(certPath), read(keyPath)]);
  if (ca) checked(caPath, 'holds no PEM certificate', () => new X509Certificate(ca));
  const own = cert && checked(certPath, 'holds no PEM certificate', () => new X509Certificate(cert));
  const secret =
    key &&
    checked(keyPath, 'holds no PEM private key that can be read without a passphrase', () =>
      createPrivateKey(key),
    );
  if (own && secret && !own.checkPrivateKey(secret))
    throw unusable(keyPath, `does not hold the key of the certificate in ${certPath}`);
  return [ca, cert, key];
}

async function read(path: string | undefined): Promise<Buffer | null> {
  if (path === undefined) return null;
  try {
    return await readFile(path);
  } catch (error) {
    throw new DdkError(
      'invalid_argument',
      `the PEM file ${path} cannot be read: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

function checked<T>(path: string | undefined, problem: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    throw unusable(path, problem, cause);
  }
}

const unusable = (path: string | undefined, problem: string, cause?: unknown): DdkError =>
  new DdkError('invalid_argument', `The file ${path} ${problem}; replace it.`, { cause });
