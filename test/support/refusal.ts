// The DdkError that something ends with, to be looked at.
import assert from 'node:assert/strict';
import { DdkError } from '#base';

export function refusal(body: () => unknown): DdkError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof DdkError, `threw ${error}`);
    return error;
  }
  throw new Error('nothing was thrown');
}
