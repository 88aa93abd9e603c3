// From a YAML file to a checked spec with absolute paths. Every problem of the file is named at once.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseDocument } from 'yaml';
import { DdkError } from '#base';
import { problemsAcrossFields } from './across-fields.js';
import { type Spec, specSchema } from './schema.js';
import { violationsOf } from './violations.js';

const maxBytes = 1 << 20;

/** Reads and checks the spec at `file`; relative paths in it are meant from its folder. */
export async function readSpec(file: string): Promise<Spec> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      throw new DdkError('not_found', `There is no spec file ${file}. \`ddk init ${file}\` writes one.`);
    throw new DdkError('invalid_argument', `The spec file ${file} cannot be read: ${error.message}.`);
  });
  if (bytes.length > maxBytes)
    throw new DdkError(
      'invalid_argument',
      `${file} has ${bytes.length} bytes; a spec has at most ${maxBytes}.`,
    );
  return parseSpec(bytes.toString('utf8'), file, path.dirname(path.resolve(file)));
}

/** `label` names the text in errors; relative paths are meant from `folder`. */
export function parseSpec(text: string, label: string, folder: string): Spec {
  const document = parseDocument(text, { prettyErrors: true });
  const broken = document.errors[0];
  if (broken)
    throw new DdkError('invalid_argument', `${label} is not valid YAML: ${broken.message.split('\n')[0]}`);
  const written: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
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
