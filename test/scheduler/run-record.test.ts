// Stored runs: every state survives the round trip, and damaged records are refused.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError } from '#base';
import { transition } from '../../services/scheduler/machine.js';
import { decodeRun, encodeRun, runMessage } from '../../services/scheduler/run-record.js';
import type { RunState } from '../../services/scheduler/run-state.js';
import { advance, doneReport, started } from './example.js';

const atMs = 9000;

function everyState(): RunState[] {
  const working: RunState[] = [];
  let state = started({ intervals: 2 });
  while (state.phase.kind !== 'succeeded') {
    working.push(state);
    state = transition(state, doneReport(state)).state;
  }
  const asked = (kind: 'pause_requested' | 'cancel_requested') =>
    working.map((from) => transition(from, { kind, atMs }).state);
  const failed = transition(started(), {
    kind: 'work_failed',
    work: 'prepare',
    interval: 0,
    attempt: 1,
    reason: { code: 'NOT_FOUND', message: 'gone' },
    retryable: false,
    step: 0,
    atMs,
  }).state;
  return [...working, state, failed, ...asked('pause_requested'), ...asked('cancel_requested')];
}

test('every state survives being stored', () => {
  for (const state of everyState()) assert.deepEqual(decodeRun(encodeRun(state)), state);
});

test('equal states are stored as equal bytes', () => {
  for (const state of everyState())
    assert.deepEqual(encodeRun(decodeRun(encodeRun(state))), encodeRun(state));
});

test('a message carries the revision of its record', () => {
  assert.equal(runMessage(started(), 7).revision, 7n);
});

test('a damaged record is refused with a sentence', () => {
  const good = encodeRun(advance(started(), 'training', 0));
  const damaged = [good.subarray(0, good.length - 3), new Uint8Array(0), Uint8Array.of(255, 255, 255)];
  for (const bytes of damaged) {
    assert.throws(
      () => decodeRun(bytes),
      (error) => error instanceof DdkError && error.code === 'data_loss',
    );
  }
});
