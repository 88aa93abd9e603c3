// What a run is: its spec, from its record.
import { DdkError, invalidArgument } from '#base';
import { Run, type RunSpec } from '#proto/ddk/v1/types';
import type { Store } from '#store';

/** As the scheduler makes them: a segment of a record's key. */
const runIdPattern = /^(?=.{1,200}$)[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** invalid_argument with a violation of `field`, for ids (and names, where `what` allows them) that no run can have. */
export function requireRunId(runId: string, field = 'run_id', what = 'the id of a run'): void {
  if (runIdPattern.test(runId)) return;
  const shown = JSON.stringify(runId.length > 100 ? `${runId.slice(0, 100)}...` : runId);
  const description =
    runId === '' ? `is empty; give ${what}` : `is ${shown}; give ${what}, as ListRuns tells it`;
  throw invalidArgument([{ field, description }]);
}

/** not_found: there is no such run. */
export async function readRunSpec({ records }: Store, runId: string): Promise<RunSpec> {
  const stored = await records.get(`runs/${runId}`);
  if (stored === undefined) throw new DdkError('not_found', `There is no run ${runId}.`);
  const { spec } = Run.decode(stored.value);
  if (spec === undefined) throw new DdkError('data_loss', `The record of run ${runId} has no spec.`);
  return spec;
}
