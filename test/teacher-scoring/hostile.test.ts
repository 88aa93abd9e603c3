// Bytes that no client of ours would send: every one gets a status, and the service goes on.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { DdkError } from '#base';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { createClient } from '#rpc';
import { serveTeacher } from './served.js';

/** The service with messages as raw bytes. */
const RawService = {
  scoreSequences: {
    path: TeacherScoringServiceService.scoreSequences.path,
    requestStream: true,
    responseStream: true,
    requestSerialize: (bytes: Buffer): Buffer => bytes,
    requestDeserialize: (bytes: Buffer): Buffer => bytes,
    responseSerialize: (bytes: Buffer): Buffer => bytes,
    responseDeserialize: (bytes: Buffer): Buffer => bytes,
  },
} as const;

test('random bytes and damaged messages are answered with a status', async (t) => {
  const served = await serveTeacher(t);
  const raw = await createClient(RawService, served.server.address);
  t.after(() => raw.close());
  const good = TeacherScoringServiceService.scoreSequences.requestSerialize({
    message: {
      $case: 'options',
      value: {
        fingerprint: served.model.fingerprint,
        output: { $case: 'labelLogProbs', value: {} },
        temperature: 1,
        length: 4,
      },
    },
  });
  const windows = TeacherScoringServiceService.scoreSequences.requestSerialize({
    message: { $case: 'windows', value: { id: 1n, rows: 1, tokenIds: Buffer.alloc(20) } },
  });
  const damaged = fc
    .tuple(fc.constantFrom(good, windows), fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat())
    .map(([bytes, at, value, cut]) => {
      const copy = Buffer.from(bytes);
      copy[at % copy.length] = value;
      return copy.subarray(0, copy.length - (cut % 3));
    });
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    damaged,
    fc.constant(good),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 4 }), async (messages) => {
      try {
        for await (const _ of raw.scoreSequences(messages, { timeoutMs: 5_000 }));
      } catch (error) {
        const { code } = error as DdkError;
        assert.ok(
          ['invalid_argument', 'failed_precondition', 'resource_exhausted', 'internal'].includes(code),
          code,
        );
      }
    }),
    { numRuns: 150, seed: 11 },
  );
  assert.equal((await served.client.describeModel({})).fingerprint, served.model.fingerprint);
  const answers: Buffer[] = [];
  for await (const answer of raw.scoreSequences([good, windows])) answers.push(answer);
  assert.equal(answers.length, 1);
});
