// How failures travel: codes, sentences, field violations and reasons there and back, and what never leaves the server.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DdkError, type ErrorCode } from '#base';
import { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { createClient, errorFromStatus, statusFromError } from '#rpc';
import { collect, failure, withEcho } from './echo.js';

const codes: readonly ErrorCode[] = [
  'invalid_argument',
  'failed_precondition',
  'not_found',
  'already_exists',
  'resource_exhausted',
  'aborted',
  'unavailable',
  'deadline_exceeded',
  'cancelled',
  'data_loss',
  'unimplemented',
  'permission_denied',
  'internal',
];

test('every code, sentence, reason and violation survives the way over the wire', async () => {
  const sent = codes.map(
    (code) =>
      new DdkError(code, `${code}: größer als 1 % ☃`, {
        reason: 'SOME_REASON',
        violations: [
          { field: 'spec.mixture.alpha', description: 'is 2; must lie in [0, 1]' },
          { field: 'spec.name', description: 'is empty; give a name' },
        ],
      }),
  );
  await withEcho(
    {
      async ask({ text }) {
        throw sent[Number(text)];
      },
    },
    async ({ client }) => {
      for (const [index, error] of sent.entries()) {
        // UNAVAILABLE would be retried; that is another test.
        if (error.code === 'unavailable') continue;
        await assert.rejects(client.ask({ text: String(index) }), (received: DdkError) => {
          assert.ok(received instanceof DdkError);
          assert.equal(received.code, error.code);
          assert.ok(received.message.includes('größer als 1 % ☃'), received.message);
          assert.equal(received.reason, 'SOME_REASON');
          assert.deepEqual(
            received.violations.map(({ field, description }) => ({ field, description })),
            error.violations,
          );
          return true;
        });
      }
    },
  );
});

test('an unexpected error becomes INTERNAL, its text stays on the server', () =>
  withEcho(
    {
      async ask() {
        throw new TypeError('secret /home/user/key.pem');
      },
    },
    async ({ client }) => {
      await assert.rejects(client.ask({ text: '' }), (error: DdkError) => {
        assert.equal(error.code, 'internal');
        assert.ok(!error.message.includes('secret'), error.message);
        return true;
      });
    },
  ));

test('a handler that throws at once fails its call, and the server goes on', () =>
  withEcho(
    {
      ask: ({ text }) => {
        if (text === 'bad') throw new DdkError('invalid_argument', 'text is bad');
        return Promise.resolve({ text });
      },
      tell: () => {
        throw new DdkError('not_found', 'nothing to tell');
      },
      talk: () => {
        throw new RangeError('surprise');
      },
    },
    async ({ client }) => {
      await assert.rejects(client.ask({ text: 'bad' }), failure('invalid_argument', /text is bad/));
      await assert.rejects(collect(client.tell({ text: '' })), failure('not_found', /nothing to tell/));
      await assert.rejects(collect(client.talk([])), failure('internal'));
      assert.deepEqual(await client.ask({ text: 'good' }), { text: 'good' });
    },
  ));

test('a stream delivers what it has before it fails', () =>
  withEcho(
    {
      async *tell() {
        yield { text: 'first' };
        yield { text: 'second' };
        throw new DdkError('data_loss', 'the third is damaged');
      },
    },
    async ({ client }) => {
      const got: string[] = [];
      await assert.rejects(
        async () => {
          for await (const { text } of client.tell({ text: '' })) got.push(text);
        },
        failure('data_loss', /third is damaged/),
      );
      assert.deepEqual(got, ['first', 'second']);
    },
  ));

test('a call that nobody served is retried, a call that a handler refused as unavailable too, at most four times', async () => {
  let calls = 0;
  await withEcho(
    {
      async ask(note) {
        calls += 1;
        if (calls < 3) throw new DdkError('unavailable', 'warming up');
        return note;
      },
    },
    async ({ client }) => {
      assert.deepEqual(await client.ask({ text: 'x' }), { text: 'x' });
      assert.equal(calls, 3);
    },
  );
});

test('a server that is not there is UNAVAILABLE', async () => {
  await withEcho({}, async ({ client, server }) => {
    await server.close();
    await assert.rejects(client.ask({ text: '' }), (error: DdkError) => {
      assert.equal(error.code, 'unavailable');
      const where = server.address;
      assert.equal(error.message, `no connection to ${where} (connect ECONNREFUSED); is it running?`);
      return true;
    });
  });
});

test('another service behind the address is named as such, whatever kind of call meets it', () =>
  withEcho({}, async ({ server }) => {
    const scheduler = await createClient(SchedulerServiceService, server.address);
    const teacher = await createClient(TeacherScoringServiceService, server.address);
    const wrong = (role: string, method: string) => (error: DdkError) => {
      assert.equal(error.code, 'unimplemented');
      assert.equal(
        error.message,
        `${server.address} is no ${role}: the server there does not know ddk.v1.${method}; give the address of a ${role}.`,
      );
      return true;
    };
    await assert.rejects(
      scheduler.listRuns({ pageSize: 0, pageToken: '' }),
      wrong('scheduler', 'SchedulerService/ListRuns'),
    );
    await assert.rejects(
      collect(scheduler.watchRun({ run: 'a', afterRevision: 0n })),
      wrong('scheduler', 'SchedulerService/WatchRun'),
    );
    await assert.rejects(
      collect(teacher.scoreSequences([])),
      wrong('teacher-scoring', 'TeacherScoringService/ScoreSequences'),
    );
    scheduler.close();
    teacher.close();
  }));

test('a handler that leaves something unimplemented says so in its own words', () =>
  withEcho(
    {
      ask: () => Promise.reject(new DdkError('unimplemented', 'Echoes of whales are not made.')),
    },
    ({ client }) =>
      assert.rejects(client.ask({ text: '' }), failure('unimplemented', /^Echoes of whales are not made\.$/)),
  ));

test('violations beyond what a header can hold are counted, not sent', () => {
  const violations = Array.from({ length: 1000 }, (_, i) => ({
    field: `f[${i}]`,
    description: 'x'.repeat(400),
  }));
  const status = statusFromError(new DdkError('invalid_argument', 'm'.repeat(100_000), { violations }));
  const details = status.metadata.get('grpc-status-details-bin')[0] as Buffer;
  const headerBytes = details.toString('base64').length + encodeURI(status.details).length;
  assert.ok(headerBytes < 8_192, `${headerBytes} bytes`);
  const received = errorFromStatus(status);
  assert.equal(
    received.violations.at(-1)?.description,
    `and ${1000 - (received.violations.length - 1)} more`,
  );
});

test('any sentence and any details survive, or are ignored without a failure', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 64 }), (message, bytes) => {
      const status = statusFromError(new DdkError('aborted', message));
      encodeURI(status.details);
      status.metadata.set('grpc-status-details-bin', Buffer.from(bytes));
      assert.equal(errorFromStatus(status).code, 'aborted');
    }),
    { numRuns: 200, seed: 1 },
  );
});

test("a number that its field cannot hold is the caller's own mistake, named by field and method", async () => {
  const scheduler = await createClient(SchedulerServiceService, '127.0.0.1:9');
  const evaluator = await createClient(DomainEvaluatorServiceService, '127.0.0.1:9');
  const teacher = await createClient(TeacherScoringServiceService, '127.0.0.1:9');
  const drain = async (responses: AsyncIterable<unknown>) => {
    for await (const _ of responses);
  };
  const options = {
    fingerprint: 'f',
    temperature: 1,
    length: 8,
    output: { $case: 'targets', value: { kind: { $case: 'topK', value: { k: 1.5 } } } },
  } as const;
  const cases: readonly (readonly [Promise<unknown>, string, RegExp])[] = [
    [scheduler.listRuns({ pageSize: -5, pageToken: '' }), 'page_size', /SchedulerService\/ListRuns .*-5/],
    [
      drain(
        evaluator.evaluateGaps({
          subject: { $case: 'work', value: { runId: 'r', interval: 0, attempt: -1 } },
        }),
      ),
      'work.attempt',
      /DomainEvaluatorService\/EvaluateGaps .*-1/,
    ],
    [
      drain(teacher.scoreSequences([{ message: { $case: 'options', value: options } }])),
      'options.targets.top_k.k',
      /TeacherScoringService\/ScoreSequences .*1\.5/,
    ],
  ];
  for (const [call, field, message] of cases)
    await assert.rejects(call, (error: DdkError) => {
      assert.equal(error.code, 'invalid_argument');
      assert.match(error.message, message);
      assert.deepEqual(
        error.violations.map((violation) => violation.field),
        [field],
      );
      return true;
    });
  for (const client of [scheduler, evaluator, teacher]) client.close();
});
