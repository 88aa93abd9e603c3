// Runs in the store: one record each under `runs/<id>`, changed by compare-and-set, their names under `names/<name>`, and
// their history beside them.
import { DdkError, failpoint, type Logger } from '#base';
import type { Run } from '#proto/ddk/v1/types';
import type { RecordStore, StoredRecord } from '#store';
import { runKey, runRecords } from '#work';
import { archiveIntervals } from './history.js';
import { decodeRun, encodeRun, runMessage } from './run-record.js';
import { closedIntervals, type RunState } from './run-state.js';

export interface StoredRun {
  readonly state: RunState;
  readonly revision: number;
}

export const nameKey = (name: string): string => `names/${name}`;

/** Ids and names as they may stand in a key; anything else is simply not found. */
const identifier = /^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$/;

export class RunStore {
  readonly #records: RecordStore;
  readonly #logger: Logger;

  constructor(records: RecordStore, logger: Logger) {
    this.#records = records;
    this.#logger = logger;
  }

  /** By id. Throws DdkError data_loss for a damaged record. */
  async get(id: string): Promise<StoredRun | undefined> {
    if (!identifier.test(id)) return undefined;
    const record = await this.#records.get(runKey(id));
    return record && { state: decodeRun(record.value), revision: record.revision };
  }

  /** By id or name. Throws DdkError not_found. */
  async find(idOrName: string): Promise<StoredRun> {
    const found = (await this.get(idOrName)) ?? (await this.#byName(idOrName));
    if (found) return found;
    const shown = JSON.stringify(idOrName.slice(0, 80));
    throw new DdkError('not_found', `There is no run ${shown}; ListRuns names those there are.`, {
      reason: 'RUN_UNKNOWN',
    });
  }

  /** All runs, the newest first. One whose record is damaged is logged and left out, so that the others can go on. */
  async list(): Promise<StoredRun[]> {
    const records = await runRecords(this.#records);
    return records
      .flatMap((record) => this.#readable(record))
      .sort((a, b) => b.state.createdAtMs - a.state.createdAtMs || (a.state.id < b.state.id ? -1 : 1));
  }

  /**
   * Puts `state` in the place of what is stored, and returns the new revision. Intervals that leave the record are kept in
   * their own before, as the stored record has them: what is in no committed record is never kept. Throws DdkError aborted
   * with reason CAS_CONFLICT where somebody was faster.
   */
  async save(stored: StoredRun, state: RunState): Promise<number> {
    const closed = closedIntervals(stored.state, state);
    if (closed.length > 0) {
      await archiveIntervals(this.#records, state.id, closed);
      failpoint('scheduler.archived');
    }
    return this.#records.update(runKey(state.id), encodeRun(state), stored.revision);
  }

  /** The run as it is and then after every change, until the signal aborts. */
  async *watch(id: string, signal: AbortSignal): AsyncGenerator<StoredRun> {
    for await (const { value, revision } of this.#records.watch(runKey(id), signal))
      yield { state: decodeRun(value), revision };
  }

  #readable({ key, value, revision }: StoredRecord): StoredRun[] {
    try {
      return [{ state: decodeRun(value), revision }];
    } catch (error) {
      this.#logger.error({ key, err: error }, 'a run cannot be read and is left out');
      return [];
    }
  }

  async #byName(name: string): Promise<StoredRun | undefined> {
    if (!identifier.test(name)) return undefined;
    const claim = await this.#records.get(nameKey(name));
    return claim && this.get(Buffer.from(claim.value).toString('utf8'));
  }
}

export function messageOf({ state, revision }: StoredRun): Run {
  return runMessage(state, revision);
}
