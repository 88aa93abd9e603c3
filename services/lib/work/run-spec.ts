// What a run is: its spec, from its record.
import { DdkError } from '#base';
import { Run, type RunSpec } from '#proto/ddk/v1/types';
import type { Store } from '#store';

/** not_found: there is no such run. */
export async function readRunSpec({ records }: Store, runId: string): Promise<RunSpec> {
  const stored = await records.get(`runs/${runId}`);
  if (stored === undefined) throw new DdkError('not_found', `There is no run ${runId}.`);
  const { spec } = Run.decode(stored.value);
  if (spec === undefined) throw new DdkError('data_loss', `The record of run ${runId} has no spec.`);
  return spec;
}
