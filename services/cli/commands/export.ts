// `ddk export`: the student that a run made, as files.
import path from 'node:path';
import { formatBytes } from '#base';
import { writeStudent } from '../finish.js';
import { findRun } from '../run-records.js';
import type { Session } from '../session.js';
import { requireRoom } from '../user-path.js';

export async function exportRun({ data, display }: Session, name: string, out: string): Promise<void> {
  const run = await findRun(data.store, name);
  const folder = path.resolve(out);
  await requireRoom({
    path: path.dirname(folder),
    cannot: 'hold the student',
    remedy: 'give another place with --out',
  });
  const manifest = await writeStudent(data.store, run, folder, { replace: false });
  const files = manifest.files.map((f) => `  ${f.name}  ${formatBytes(Number(f.bytes))}`);
  display.result(
    [`The student of ${name} after ${manifest.step} steps is in ${folder}:`, ...files].join('\n'),
    {
      folder,
      manifest,
    },
  );
}
