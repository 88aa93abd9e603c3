// Whose fault it is that an artifact cannot be opened: that of the field that names it, or the store's.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError, type ErrorCode } from '#base';
import { namedBy, openMemoryStore } from '#store';

async function namedError(error: DdkError): Promise<DdkError> {
  return namedBy('spec.corpus_digest', Promise.reject(error)).then(
    () => assert.fail('nothing was refused'),
    (thrown: DdkError) => thrown,
  );
}

test('what opens is handed on', async () => {
  assert.equal(await namedBy('spec.corpus_digest', Promise.resolve(7)), 7);
});

test('an artifact that is missing, too large or something else is the fault of its field', async () => {
  const { artifacts } = openMemoryStore();
  const { digest } = await artifacts.put(Buffer.alloc(100));
  const cases: readonly (readonly [Promise<unknown>, ErrorCode])[] = [
    [artifacts.bytes(`sha256:${'0'.repeat(64)}`, { maxBytes: 1 }), 'not_found'],
    [artifacts.bytes(digest, { maxBytes: 1 }), 'invalid_argument'],
    [artifacts.bytes('no digest', { maxBytes: 1 }), 'invalid_argument'],
    [Promise.reject(new DdkError('failed_precondition', 'It is of another model.')), 'invalid_argument'],
  ];
  for (const [opening, code] of cases)
    await assert.rejects(namedBy('spec.corpus_digest', opening), (error: DdkError) => {
      assert.equal(error.code, code);
      assert.deepEqual(error.violations, [{ field: 'spec.corpus_digest', description: error.message }]);
      return true;
    });
});

test('trouble of the store stays what it is', async () => {
  for (const error of [
    new DdkError('failed_precondition', 'The store is gone.', { reason: 'STORE_GONE' }),
    new DdkError('data_loss', 'The artifact is damaged.', { reason: 'ARTIFACT_DAMAGED' }),
    new DdkError('resource_exhausted', 'The store is full.', { reason: 'STORE_FULL' }),
    new DdkError('unavailable', 'The store is away.'),
  ])
    assert.equal(await namedError(error), error);
});
