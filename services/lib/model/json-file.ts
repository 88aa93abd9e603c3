// Small JSON files of a model folder, read with a limit.
import { readFile, stat } from 'node:fs/promises';
import { DdkError } from '#base';

/**
 * The parsed contents of a file.
 *
 * @throws DdkError not_found, or invalid_argument naming the file for one that is too large or not JSON
 */
export async function readJson(path: string, maxBytes: number, remedy: string): Promise<unknown> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > maxBytes)
      throw new DdkError('invalid_argument', `${path} has ${size} bytes; at most ${maxBytes} are read.`);
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const known = DdkError.from(cause);
    if (known.code !== 'not_found') throw known;
    throw new DdkError('not_found', `There is no ${path}; ${remedy}.`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DdkError(
      'invalid_argument',
      `${path} is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
}
