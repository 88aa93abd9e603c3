// Whether the teacher of a run is still where it was when the run was started.
import { stat } from 'node:fs/promises';
import { DdkError } from '#base';
import type { Spec } from './spec/schema.js';

/** not_found, with the way on: only the spec file can say where the teacher is now. */
export async function requireTeacherInPlace({
  name,
  teacher,
}: Pick<Spec, 'name' | 'teacher'>): Promise<void> {
  const isThere = await stat(teacher).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
  if (isThere) return;
  throw new DdkError(
    'not_found',
    `The teacher of ${name} is not in ${teacher} any more: put it back, or continue the run with \`ddk run SPEC\` and its spec file, which may name another place.`,
  );
}
