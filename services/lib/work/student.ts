// The student of a run, as the artifacts that its manifest names.
import { DdkError } from '#base';
import { type DecoderConfig, parseDecoderConfig } from '#nn';
import { ModelManifest } from '#proto/ddk/v1/types';
import type { ArtifactStore } from '#store';
import type { TokenizerContent } from '#tokenizer';

export interface Student {
  readonly config: DecoderConfig;
  /** Read when it is asked for: tokenizers of large vocabularies have tens of megabytes. */
  tokenizer(): Promise<TokenizerContent>;
}

const maxManifestBytes = 1 << 20;
const maxConfigBytes = 1 << 20;
const maxTokenizerBytes = 1 << 28;

function decodeManifest(bytes: Uint8Array, digest: string): ModelManifest {
  let manifest: ModelManifest | undefined;
  try {
    manifest = ModelManifest.decode(bytes);
  } catch {
    // Reported below, like bytes that decode to nothing.
  }
  if (manifest !== undefined && manifest.configDigest !== '') return manifest;
  throw new DdkError(
    'invalid_argument',
    `Artifact ${digest} is not the manifest of a student; give the digest that its upload gave.`,
  );
}

/**
 * Reads the manifest that `digest` names, and the configuration.
 * Throws `not_found` for a missing artifact and `invalid_argument` for one that is not what the manifest says.
 */
export async function readStudent(artifacts: ArtifactStore, digest: string): Promise<Student> {
  const manifest = decodeManifest(await artifacts.bytes(digest, { maxBytes: maxManifestBytes }), digest);
  const { configDigest, tokenizerDigest, tokenizerConfigDigest } = manifest;
  const where = `the student's config.json (${configDigest})`;
  const config = parseDecoderConfig(await readJson(artifacts, configDigest, maxConfigBytes, where), where);
  return {
    config,
    async tokenizer() {
      const read = (file: string, name: string) =>
        readJson(artifacts, file, maxTokenizerBytes, `the student's ${name} (${file})`);
      return {
        json: await read(tokenizerDigest, 'tokenizer.json'),
        config:
          tokenizerConfigDigest === ''
            ? undefined
            : await read(tokenizerConfigDigest, 'tokenizer_config.json'),
        where: `the student's tokenizer.json (${tokenizerDigest})`,
      };
    },
  };
}

async function readJson(
  artifacts: ArtifactStore,
  digest: string,
  maxBytes: number,
  where: string,
): Promise<unknown> {
  const text = Buffer.from(await artifacts.bytes(digest, { maxBytes })).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DdkError('invalid_argument', `${where} is not JSON; upload the student again.`, { cause });
  }
}
