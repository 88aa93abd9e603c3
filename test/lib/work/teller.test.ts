// What is told of work: not every step of it, always its last, and how it ended.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ManualClock, silentLogger } from '#base';
import { type Bus, openMemoryBus } from '#bus';
import { type RunEvent, WorkKind } from '#proto/ddk/v1/events';
import { WorkState } from '#proto/ddk/v1/types';
import { decodeRunEvent, runEventSubject, type WorkRecord, workTeller } from '#work';

const evaluation = (windowsDone: bigint) =>
  ({ $case: 'evaluation', value: { windowsDone, windowsTotal: 9n } }) as const;

const record: WorkRecord = {
  runId: 'r',
  attempt: 2,
  state: WorkState.COMPLETE,
  worker: 'w',
  failure: undefined,
  failureRetryable: false,
};
const complete = { $case: 'exportFinished', value: { attempt: 2, exportDigest: 'sha256:x' } } as const;

async function told(
  tell: (teller: ReturnType<typeof workTeller>, clock: ManualClock) => Promise<void>,
): Promise<RunEvent['kind'][]> {
  const bus = openMemoryBus();
  const clock = new ManualClock();
  const heard: RunEvent['kind'][] = [];
  await bus.subscribe(runEventSubject('r', '>'), (message) => void heard.push(decodeRunEvent(message)?.kind));
  const options = { bus, source: 'ddk/test', clock, logger: silentLogger };
  await tell(workTeller(options, 'evaluate', { runId: 'r', interval: 3 }), clock);
  // Whatever was published before this is heard before it.
  await new Promise(setImmediate);
  await bus.close();
  return heard;
}

test('progress is told at most every fifth of a second, and the last of it always', async () => {
  const heard = await told(async (teller, clock) => {
    for (const done of [1n, 2n]) teller.progress(evaluation(done), false);
    await clock.advance(199);
    teller.progress(evaluation(3n), false);
    await clock.advance(1);
    teller.progress(evaluation(4n), false);
    teller.progress(evaluation(9n), true);
  });
  assert.deepEqual(
    heard,
    [1n, 4n, 9n].map((done) => ({ $case: 'progress', value: { interval: 3, progress: evaluation(done) } })),
  );
});

test('a complete record is told as what came of it, another as a failure', async () => {
  const reason = { code: 'LOSS_NOT_FINITE', message: 'no number' };
  const heard = await told(async (teller) => {
    await teller.ended(record, complete);
    await teller.ended({ ...record, state: WorkState.FAILED, failure: reason }, complete);
  });
  const failed = { work: WorkKind.EVALUATE, interval: 3, attempt: 2, reason, retryable: false };
  assert.deepEqual(heard, [complete, { $case: 'workFailed', value: failed }]);
});

test('without a bus nobody is told, and progress that cannot be told does no harm', async () => {
  const broken: Pick<Bus, 'publish'> = { publish: () => Promise.reject(new Error('away')) };
  for (const bus of [undefined, broken as Bus]) {
    const teller = workTeller(
      { bus, source: 'ddk/test', clock: new ManualClock(), logger: silentLogger },
      'train',
      { runId: 'r', interval: 0 },
    );
    teller.progress(evaluation(1n), true);
    if (bus === undefined) await teller.ended(record, complete);
    else await assert.rejects(teller.ended(record, complete), /away/);
  }
});
