// From a YAML file to a checked spec with absolute paths. Every problem of the file is named at once.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DdkError } from '#base';
import { problemsAcrossFields } from './across-fields.js';
import { parseYaml } from './parse-yaml.js';
import { type Spec, specSchema } from './schema.js';
import { violationsOf } from './violations.js';

const maxBytes = 1 << 20;

/** Reads and checks the spec at `file`; relative paths in it are meant from its folder. */
export async function readSpec(file: string): Promise<Spec> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(file, error);
  });
  if (bytes.length > maxBytes)
    throw new DdkError(
      'invalid_argument',
      `${file} has ${bytes.length} bytes; a spec has at most ${maxBytes}.`,
    );
  return parseSpec(textIn(bytes, file), file, path.dirname(path.resolve(file)));
}

function unreadable(file: string, error: NodeJS.ErrnoException): DdkError {
  if (error.code === 'ENOENT')
    return new DdkError('not_found', `There is no spec file ${file}. \`ddk init ${file}\` writes one.`);
  const reasons: Readonly<Record<string, string>> = {
    EISDIR: 'is a folder; give the spec file itself',
    EACCES: 'cannot be read by this user; change its permissions',
    ENOTDIR: 'cannot be read: a part of its path is a file; correct the path',
  };
  const why = reasons[error.code ?? ''] ?? `cannot be read (${error.code}); give another one`;
  return new DdkError('invalid_argument', `The spec file ${file} ${why}.`, { cause: error });
}

/** A model that is taken for a spec is not quoted, but refused. */
function textIn(bytes: Uint8Array, file: string): string {
  const refuse = (what: string, cause?: unknown) =>
    new DdkError(
      'invalid_argument',
      `${file} is no spec: it ${what}; \`ddk init\` writes one to start from.`,
      {
        cause,
      },
    );
  const control = bytes.findIndex((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  if (control >= 0)
    throw refuse(`is not text (its byte ${control} is ${bytes[control]?.toString(16).padStart(2, '0')})`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw refuse('is not in UTF-8', cause);
  }
}

/** `label` names the text in errors; relative paths are meant from `folder`. */
export function parseSpec(text: string, label: string, folder: string): Spec {
  const written = parseYaml(text, label) ?? {};
  const result = specSchema.safeParse(written, { reportInput: true });
  const violations = [
    ...(result.error?.issues.flatMap(violationsOf) ?? []),
    ...problemsAcrossFields(result.data ?? (written as object)),
  ];
  if (!result.success || violations.length > 0) {
    const lines = violations.map((v) => `  ${v.field}: ${v.description}`);
    const problems = violations.length === 1 ? 'one problem' : `${violations.length} problems`;
    throw new DdkError('invalid_argument', `${label} has ${problems}:\n${lines.join('\n')}`, { violations });
  }
  const spec = result.data;
  const absolute = (p: string) => path.resolve(folder, p);
  return {
    ...spec,
    teacher: absolute(spec.teacher),
    student: absolute(spec.student),
    domains: spec.domains.map((d) => ({ ...d, paths: d.paths.map(absolute) })),
  };
}
