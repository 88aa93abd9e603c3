// What is said of a run that lies still is advice that can be followed.
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Run, RunState } from '#proto/ddk/v1/types';
import { farewell } from '../../services/cli/display/farewell.js';
import { sampleRun } from './run-fixture.js';

const pausedBy = (code: string, fields: Partial<Run> = {}): string =>
  farewell(sampleRun({ state: RunState.PAUSED, reason: { code, message: 'It is so' }, ...fields }));

const trained = { checkpointDigest: 'sha256:later', bestCheckpointDigest: 'sha256:best' } as const;

test('a run that somebody paused is resumed', () => {
  assert.equal(pausedBy('REQUESTED'), 'sample is paused: It is so. `ddk resume sample` continues it.');
});

test('a loss that broke in training is mended by a fork of the last or the best checkpoint with a lower rate', () => {
  const text = pausedBy('LOSS_NOT_FINITE', { ...trained, pausedFrom: RunState.TRAINING });
  assert.match(text, /another name and a lower optimizer\.learningRate/);
  assert.match(text, /`ddk run SPEC --from sample`, or from its best with `--from-best`/);
  assert.doesNotMatch(text, /ddk resume/);
});

test('a loss that broke in the first interval has nothing to fork from', () => {
  const text = pausedBy('LOSS_NOT_FINITE', { pausedFrom: RunState.TRAINING });
  assert.match(text, /lower optimizer\.learningRate, and start it anew with `ddk run SPEC`/);
  assert.doesNotMatch(text, /--from/);
});

test('a loss found broken after training leads to the best checkpoint, not to the broken last one', () => {
  const text = pausedBy('LOSS_NOT_FINITE', { ...trained, pausedFrom: RunState.MEASURING });
  assert.match(text, /`ddk run SPEC --from sample --from-best`/);
});

test('a loss that is broken before any training leads to other models', () => {
  const text = pausedBy('LOSS_NOT_FINITE', { pausedFrom: RunState.MEASURING });
  assert.match(text, /other models and another name/);
  assert.doesNotMatch(text, /ddk resume|--from/);
});

test('a collapsed mixture and an empty domain name the setting to change and the fork', () => {
  assert.match(pausedBy('MIXTURE_COLLAPSED'), /lower mixture\.alpha or a mixture\.ratioClip.*--from sample`/);
  assert.match(pausedBy('DOMAIN_EMPTY'), /every domain enough text.*--from sample`/);
});

test('anything else may be tried again as it is', () => {
  assert.match(pausedBy('WORK_FAILED'), /`ddk resume sample` tries again/);
});

test('a run that is over cannot be resumed, and says what can be done, wherever its services are', () => {
  const reason = { code: 'NOT_FOUND', message: 'The corpus is missing.' };
  assert.equal(
    farewell(sampleRun({ state: RunState.FAILED, reason }), ' --scheduler h:1'),
    'sample: failed: The corpus is missing. It cannot be resumed; `ddk run SPEC --from sample --scheduler h:1` with another name in the spec goes on from its last checkpoint.',
  );
});
