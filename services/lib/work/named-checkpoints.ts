// Which checkpoints the records of a store name: those that somebody starts from, goes on from, measures or exports.
import { EvaluationRecord, ExportRecord, Interval, IntervalRecord, Run } from '#proto/ddk/v1/types';
import type { RecordStore } from '#store';
import { runRecords } from './run-records.js';

/** What the final intervals of a run name; they are read once. */
interface History {
  /** How many have been read. */
  intervals: number;
  readonly digests: string[];
}

interface Naming {
  readonly baseCheckpointDigest?: string;
  readonly checkpointDigest: string;
}

export class NamedCheckpoints {
  readonly #records: RecordStore;
  readonly #histories = new Map<string, History>();

  constructor(records: RecordStore) {
    this.#records = records;
  }

  /**
   * Digests of the manifests that any run or pretraining names, whatever has become of it. Throws where a record cannot be
   * read or decoded: somebody may mend it.
   */
  async look(): Promise<ReadonlySet<string>> {
    const named = new Set<string | undefined>();
    const add = (naming: Naming | undefined): void => {
      named.add(naming?.baseCheckpointDigest).add(naming?.checkpointDigest);
    };
    for (const { value } of await runRecords(this.#records)) {
      const run = Run.decode(value);
      add(run);
      named.add(run.spec?.baseCheckpointDigest).add(run.bestCheckpointDigest);
      for (const interval of run.intervals) add(interval);
      for (const digest of await this.#history(run)) named.add(digest);
      const work = `runs/${run.id}`;
      add(await this.#read(`${work}/train/${run.interval}`, IntervalRecord));
      add(await this.#read(`${work}/evaluate/${run.interval}`, EvaluationRecord));
      add(await this.#read(`${work}/export`, ExportRecord));
    }
    for (const { value } of await this.#records.list('pretrain/'))
      named.add(Buffer.from(value).toString('utf8'));
    return new Set([...named].filter((digest): digest is string => digest !== undefined && digest !== ''));
  }

  /** Of the intervals that have records of their own, which never change. */
  async #history({ id, intervals }: Run): Promise<readonly string[]> {
    const history = this.#histories.get(id) ?? { intervals: 0, digests: [] };
    this.#histories.set(id, history);
    for (const first = intervals[0]?.index ?? 0; history.intervals < first; history.intervals += 1) {
      const interval = await this.#read(`runs/${id}/intervals/${history.intervals}`, Interval);
      if (interval) history.digests.push(interval.baseCheckpointDigest, interval.checkpointDigest);
    }
    return history.digests;
  }

  async #read<T>(key: string, codec: { decode(bytes: Uint8Array): T }): Promise<T | undefined> {
    const stored = await this.#records.get(key);
    return stored && codec.decode(stored.value);
  }
}
