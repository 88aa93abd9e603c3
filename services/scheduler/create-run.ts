// Making a run exactly once, however often it is asked for: the request claims an id, the id claims a name, then the run is.
import { DdkError, sha256Hex } from '#base';
import { RunSpec } from '#proto/ddk/v1/types';
import { isConflict, type RecordStore } from '#store';
import { runKey } from '#work';
import { createRun } from './machine.js';
import { encodeRun } from './run-record.js';
import { nameKey, type RunStore, type StoredRun } from './run-store.js';

interface Request {
  readonly runId: string;
  readonly specDigest: string;
}

export interface NewRun {
  readonly requestId: string;
  /** Validated, its artifacts looked for. */
  readonly spec: RunSpec;
  readonly atMs: number;
}

/** Digest of a spec's encoding: equal specs have equal digests. */
function specDigest(spec: RunSpec): string {
  return `sha256:${sha256Hex(RunSpec.encode(spec).finish())}`;
}

function requestKey(requestId: string): string {
  return `requests/${sha256Hex(requestId)}`;
}

/**
 * The run that this request made before, if it did. Throws DdkError already_exists where it came with another spec.
 */
export async function runOfRequest(
  records: RecordStore,
  runs: RunStore,
  { requestId, spec }: Pick<NewRun, 'requestId' | 'spec'>,
): Promise<StoredRun | undefined> {
  const stored = await records.get(requestKey(requestId));
  if (stored === undefined) return undefined;
  const request = JSON.parse(Buffer.from(stored.value).toString('utf8')) as Request;
  if (request.specDigest !== specDigest(spec)) {
    throw new DdkError(
      'already_exists',
      `The request id ${JSON.stringify(requestId)} has made run ${request.runId} from another spec; use a new request id.`,
      { reason: 'REQUEST_REUSED' },
    );
  }
  return runs.get(request.runId);
}

/**
 * Creates the run. Each step may have been done by an earlier call that was cut off; the same request finishes it.
 * Throws DdkError already_exists where the name is another run's.
 */
export async function storeRun(records: RecordStore, runs: RunStore, run: NewRun): Promise<StoredRun> {
  const { requestId, spec, atMs } = run;
  const runId = `r-${sha256Hex(requestId).slice(0, 12)}`;
  const request: Request = { runId, specDigest: specDigest(spec) };
  await createOrFind(records, requestKey(requestId), JSON.stringify(request));
  const owner = await createOrFind(records, nameKey(spec.name), runId);
  if (owner !== runId) {
    await forget(records, requestKey(requestId));
    throw new DdkError(
      'already_exists',
      `There is a run named ${JSON.stringify(spec.name)} already (${owner}); choose another name, or resume, extend or fork that run.`,
      { reason: 'NAME_TAKEN', violations: [{ field: 'spec.name', description: 'is taken' }] },
    );
  }
  const { state } = createRun({ id: runId, requestId, spec, atMs });
  try {
    return { state, revision: await records.create(runKey(runId), encodeRun(state)) };
  } catch (error) {
    if (!isConflict(error)) throw error;
    return runs.find(runId);
  }
}

/** The value of the record: the given one, or that of whoever was first. */
async function createOrFind(records: RecordStore, key: string, value: string): Promise<string> {
  for (;;) {
    const stored = await records.get(key);
    if (stored !== undefined) return Buffer.from(stored.value).toString('utf8');
    try {
      await records.create(key, Buffer.from(value));
      return value;
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}

/** The request has made nothing, so its id is free for another try. */
async function forget(records: RecordStore, key: string): Promise<void> {
  const stored = await records.get(key);
  if (stored) await records.delete(key, stored.revision).catch(ignoreConflict);
}

function ignoreConflict(error: unknown): void {
  // Somebody else has forgotten it.
  if (!isConflict(error)) throw error;
}
