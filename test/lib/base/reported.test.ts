// How work ended, told and passed on.
import assert from 'node:assert/strict';
import test from 'node:test';
import { type DdkError, reported } from '#base';

test('an end is told before it is passed on: nothing for a good one, else the error as a DdkError', async () => {
  const told: (DdkError['code'] | undefined)[] = [];
  const report = (error: DdkError | undefined) => void told.push(error?.code);
  assert.equal(await reported(Promise.resolve(7), report), 7);
  await assert.rejects(reported(Promise.reject(new Error('broken')), report), { code: 'internal' });
  assert.deepEqual(told, [undefined, 'internal']);
});
