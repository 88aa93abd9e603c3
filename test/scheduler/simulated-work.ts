// The work of the simulated world: records by their keys, what workers make of them, and what must hold of every change.
import assert from 'node:assert/strict';
import {
  type DomainGap,
  type EvaluationRecord,
  type ExportRecord,
  type IntervalRecord,
  WorkState,
} from '#proto/ddk/v1/types';
import { gapsOf } from './example.js';

export type AnyRecord = IntervalRecord | EvaluationRecord | ExportRecord;
export type Assigned = 'evaluate' | 'train' | 'export';

export interface Item {
  readonly work: Assigned;
  readonly interval: number;
  readonly attempt: number;
}

const gapsMemo = new Map<string, DomainGap[]>();

function measuredGaps(checkpointDigest: string, interval: number): DomainGap[] {
  let gaps = gapsMemo.get(checkpointDigest);
  if (gaps === undefined) {
    gaps = gapsOf(checkpointDigest, interval);
    gapsMemo.set(checkpointDigest, gaps);
  }
  return gaps;
}

export function keyOf({ work, interval }: { work: Assigned; interval: number }): string {
  return work === 'export' ? work : `${work}/${interval}`;
}

/** What a worker makes of its record. A checkpoint's name spells out every step applied and the weights it was drawn by. */
export function computed(item: Item, record: AnyRecord, complete: boolean): AnyRecord {
  if ('gaps' in record) {
    if (!complete) return record;
    return {
      ...record,
      state: WorkState.COMPLETE,
      gaps: measuredGaps(record.checkpointDigest, item.interval),
    };
  }
  if ('exportDigest' in record) {
    if (!complete) return record;
    return { ...record, state: WorkState.COMPLETE, exportDigest: `export of ${record.checkpointDigest}` };
  }
  const from = record.checkpointDigest === '' ? record.baseCheckpointDigest : record.checkpointDigest;
  const to = complete ? record.endStep : Math.min(record.step + 1, record.endStep - 1);
  const draw = record.weights.map((weight) => weight.toFixed(4)).join('/');
  let checkpointDigest = from;
  for (let step = record.step + 1; step <= to; step++) checkpointDigest += ` ${step}:${draw}`;
  const state = complete ? WorkState.COMPLETE : WorkState.RUNNING;
  return { ...record, state, step: Math.max(to, record.step), checkpointDigest };
}

export function checkRecord(key: string, before: AnyRecord, after: AnyRecord): void {
  assert.ok(after.attempt >= before.attempt, `the attempt of ${key} went back`);
  if (!('step' in before) || !('step' in after)) return;
  assert.ok(before.state !== WorkState.COMPLETE, `the complete ${key} was written again`);
  assert.ok(after.step >= before.step || before.step === 0, `the steps of ${key} went back`);
}
