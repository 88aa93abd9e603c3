// The records of assigned work in the store: assigned, taken back and looked at, each change a compare-and-set.
import { EvaluationRecord, ExportRecord, IntervalRecord } from '#proto/ddk/v1/types';
import { isConflict, type RecordStore, type StoredRecord } from '#store';
import {
  assignEvaluation,
  assignExport,
  assignTraining,
  emptyRecord,
  type WorkRecord,
  withdraw,
} from './assignment.js';
import type { Command, Dispatch } from './commands.js';
import type { RunState } from './run-state.js';
import { type OutstandingRecord, outstandingWork } from './work-report.js';

type Work = OutstandingRecord['work'];
type Assignable = Exclude<Dispatch, { readonly kind: 'prepare' }>;

interface Codec<R> {
  decode(bytes: Uint8Array): R;
  encode(record: R): { finish(): Uint8Array };
}

export function workKey(runId: string, work: Work, interval: number): string {
  return work === 'export' ? `runs/${runId}/export` : `runs/${runId}/${work}/${interval}`;
}

/** Assigns an attempt unless its record says that there is nothing to assign. Returns the record as it is then. */
export async function assignWork(
  records: RecordStore,
  runId: string,
  command: Assignable,
): Promise<WorkRecord> {
  switch (command.kind) {
    case 'evaluate':
      return change(records, workKey(runId, 'evaluate', command.interval), EvaluationRecord, (existing) =>
        assignEvaluation(runId, command, existing),
      );
    case 'train':
      return change(records, workKey(runId, 'train', command.interval), IntervalRecord, (existing) =>
        assignTraining(runId, command, existing),
      );
    case 'export':
      return change(records, workKey(runId, 'export', 0), ExportRecord, (existing) =>
        assignExport(runId, command, existing),
      );
  }
}

/** Takes work back, so that nobody can commit it. */
export async function withdrawWork(
  records: RecordStore,
  runId: string,
  { work, interval, attempt }: Extract<Command, { readonly kind: 'withdraw' }>,
): Promise<void> {
  const key = workKey(runId, work, interval);
  switch (work) {
    case 'evaluate':
      await change(records, key, EvaluationRecord, (existing) =>
        withdraw(attempt, existing, emptyRecord.evaluate(runId, interval)),
      );
      return;
    case 'train':
      await change(records, key, IntervalRecord, (existing) =>
        withdraw(attempt, existing, emptyRecord.train(runId, interval)),
      );
      return;
    case 'export':
      await change(records, key, ExportRecord, (existing) =>
        withdraw(attempt, existing, emptyRecord.export(runId)),
      );
  }
}

/** The record of what a state has outstanding, if there is such work and it has been assigned. */
export async function outstandingRecord(
  records: RecordStore,
  state: RunState,
): Promise<OutstandingRecord | undefined> {
  const work = outstandingWork(state);
  if (work === undefined) return undefined;
  const stored = await records.get(workKey(state.id, work, state.interval));
  if (stored === undefined) return undefined;
  switch (work) {
    case 'evaluate':
      return { work, record: EvaluationRecord.decode(stored.value) };
    case 'train':
      return { work, record: IntervalRecord.decode(stored.value) };
    case 'export':
      return { work, record: ExportRecord.decode(stored.value) };
  }
}

/** Writes what `decide` makes of the record, again from the start whenever somebody was faster; undefined leaves it. */
async function change<R>(
  records: RecordStore,
  key: string,
  codec: Codec<R>,
  decide: (existing: R | undefined) => R | undefined,
): Promise<R> {
  for (;;) {
    const stored = await records.get(key);
    const existing = stored && codec.decode(stored.value);
    const next = decide(existing);
    if (next === undefined) return existing!;
    if (await written(records, key, codec.encode(next).finish(), stored)) return next;
  }
}

async function written(
  records: RecordStore,
  key: string,
  value: Uint8Array,
  stored: StoredRecord | undefined,
): Promise<boolean> {
  try {
    if (stored === undefined) await records.create(key, value);
    else await records.update(key, value, stored.revision);
    return true;
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
}
