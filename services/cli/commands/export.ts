// `ddk export`: the student that a run made, as files.
import path from 'node:path';
import { DdkError, formatBytes } from '#base';
import { type Run, RunState } from '#proto/ddk/v1/types';
import { writeStudent } from '../finish.js';
import { findRun } from '../run-records.js';
import type { Session } from '../session.js';
import { requireRoom } from '../user-path.js';

export async function exportRun({ data, display }: Session, name: string, out: string): Promise<void> {
  const run = await findRun(data.store, name);
  if (run.exportDigest === '') throw new DdkError('failed_precondition', nothingToExport(run));
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

/** Why there is no student yet, or never will be, and the way on. */
function nothingToExport(run: Run): string {
  const name = run.spec?.name ?? run.id;
  const extended =
    run.intervalsPlanned > (run.spec?.training?.intervals ?? 0)
      ? ' It was extended; what it had exported before stays in its folder of the data folder.'
      : '';
  switch (run.state) {
    case RunState.CANCELLED:
    case RunState.FAILED: {
      const ended = run.state === RunState.FAILED ? 'has failed' : 'was cancelled';
      return `The run "${name}" ${ended} and exports no student: \`ddk run SPEC --from ${name}\` with another name in the spec goes on from its last checkpoint, and exports one when it ends.${extended}`;
    }
    case RunState.PAUSED:
      return `The run "${name}" is paused and exports its student when it ends: \`ddk resume ${name}\` continues it.${extended}`;
    default:
      return `The run "${name}" has not ended and exports its student then: let it end, or continue it with \`ddk resume ${name}\` if nobody is at work on it.${extended}`;
  }
}
