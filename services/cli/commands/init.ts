// `ddk init`: a commented spec to start from.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { DdkError } from '#base';
import { nameFrom } from '../../scheduler/run-name.js';
import { specTemplate } from '../spec/template.js';

/** Writes a new spec; never over an existing file. Returns its path. */
export async function initSpec(file: string): Promise<string> {
  const stem = path.basename(file).replace(/\.(ya?ml)$/, '');
  const name = nameFrom(stem, 'my-run');
  const handle = await open(file, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST')
        throw new DdkError('already_exists', `${file} exists already; remove it or give another name.`);
      throw new DdkError('invalid_argument', `${file} cannot be written: ${error.message}.`, {
        cause: error,
      });
    },
  );
  try {
    await handle.writeFile(specTemplate(name));
  } finally {
    await handle.close();
  }
  return file;
}
