// The spec that a run was started with, as the run's folder keeps it: with it the run can be continued by its name.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DdkError, writeFileDurable } from '#base';
import { type Spec, specSchema } from './spec/schema.js';

const fileIn = (folder: string): string => path.join(folder, 'spec.json');

export async function saveSpec(folder: string, spec: Spec): Promise<void> {
  await writeFileDurable(fileIn(folder), `${JSON.stringify(spec, null, 2)}\n`);
}

/** not_found, data_loss: there is none, or it is none any more. */
export async function savedSpec(folder: string): Promise<Spec> {
  const file = fileIn(folder);
  const remedy = 'continue the run with `ddk run SPEC` and its spec file.';
  const text = await readFile(file, 'utf8').catch(() => {
    throw new DdkError('not_found', `${file} is missing; ${remedy}`);
  });
  const spec = parse(text);
  if (spec === undefined) throw new DdkError('data_loss', `${file} is no spec any more; ${remedy}`);
  return spec;
}

function parse(text: string): Spec | undefined {
  try {
    return specSchema.safeParse(JSON.parse(text)).data;
  } catch {
    // Not even JSON.
    return undefined;
  }
}
