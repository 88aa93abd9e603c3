// Spans: who is whose child, also across services, and nothing at all while telemetry is off.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, DdkError } from '#base';
import {
  currentTraceIds,
  extractContext,
  injectContext,
  openSpan,
  spans,
  startTelemetry,
  withContext,
  withSpan,
} from '#telemetry';
import { type CapturedTelemetry, captureTelemetry } from '../../support/captured-telemetry.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

async function capture(t: TestContext): Promise<CapturedTelemetry> {
  const captured = await captureTelemetry();
  t.after(() => captured.stop());
  return captured;
}

test('a span inside another is its child, over awaits and side by side', async (t) => {
  const captured = await capture(t);
  const result = await withSpan(spans.trainInterval, { 'ddk.interval': 3 }, async (span) => {
    await delay(1);
    await Promise.all([1, 2].map((step) => withSpan(spans.trainStep, { 'ddk.step': step }, () => delay(1))));
    span.setAttributes({ 'ddk.done': true });
    span.addEvent('committed');
    return 'done';
  });
  assert.equal(result, 'done');
  const [one, two, interval] = await captured.spans();
  assert.equal(interval?.name, 'ddk.interval.train');
  assert.equal(interval?.parentSpanId, undefined);
  assert.deepEqual(interval?.attributes, { 'ddk.interval': 3, 'ddk.done': true });
  assert.deepEqual(interval?.events, ['committed']);
  for (const step of [one, two]) {
    assert.equal(step?.name, 'ddk.step.train');
    assert.equal(step?.parentSpanId, interval?.spanId);
    assert.equal(step?.traceId, interval?.traceId);
  }
});

test('a context carried by headers joins the spans of two services into one trace', async (t) => {
  const captured = await capture(t);
  const headers: Record<string, string> = {};
  await withSpan('ddk.v1.TeacherScoring/ScoreSequences', {}, async () => injectContext(headers), {
    kind: 'client',
  });
  assert.match(headers.traceparent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  await withSpan(
    'ddk.v1.TeacherScoring/ScoreSequences',
    {},
    () => withSpan(spans.scoreBatch, {}, () => Promise.resolve()),
    { kind: 'server', parent: extractContext(headers) },
  );
  const [client, batch, server] = await captured.spans();
  assert.equal(client?.kind, 'client');
  assert.equal(server?.kind, 'server');
  assert.equal(server?.parentSpanId, client?.spanId);
  assert.equal(server?.traceId, client?.traceId);
  assert.equal(batch?.parentSpanId, server?.spanId);
  assert.equal(batch?.kind, 'internal');
});

test('a message without a context, or with a broken one, begins a trace of its own', async (t) => {
  const captured = await capture(t);
  for (const carrier of [
    {},
    { traceparent: 'garbage' },
    { traceparent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01` },
  ])
    await withSpan(spans.trainInterval, {}, () =>
      withContext(extractContext(carrier), () => withSpan(spans.processWork, {}, () => Promise.resolve())),
    );
  for (const span of await captured.spans()) assert.equal(span.parentSpanId, undefined);
});

test('an error marks its span with its code and passes on', async (t) => {
  const captured = await capture(t);
  const failure = new DdkError('unavailable', 'The teacher is away.');
  await assert.rejects(
    withSpan(spans.fetchTargets, {}, () => Promise.reject(failure)),
    (error) => error === failure,
  );
  const [span] = await captured.spans();
  assert.equal(span?.failed, true);
  assert.equal(span?.message, 'The teacher is away.');
  assert.equal(span?.attributes['error.type'], 'unavailable');
});

test('a span opened by hand is active where it is told to be, and ends once', async (t) => {
  const captured = await capture(t);
  const stream = openSpan('ddk.v1.Scheduler/WatchRun', { 'rpc.system.name': 'grpc' }, { kind: 'server' });
  assert.deepEqual(currentTraceIds(), {});
  await withContext(stream.context, async () => {
    await delay(1);
    const ids = currentTraceIds();
    assert.match(ids.trace_id ?? '', /^[0-9a-f]{32}$/);
    await withSpan(spans.scheduleRun, {}, () => Promise.resolve());
  });
  stream.end(new DdkError('cancelled', 'The client left.'));
  const [inner, outer] = await captured.spans();
  assert.equal(inner?.parentSpanId, outer?.spanId);
  assert.equal(outer?.attributes['error.type'], 'cancelled');
});

test('a log line within a span carries its ids, and none outside', async (t) => {
  await capture(t);
  const folder = await temporaryFolder(t);
  const path = join(folder, 'log');
  const logger = createLogger('test', { destination: path });
  let ids = {};
  await withSpan(spans.trainStep, {}, async () => {
    ids = currentTraceIds();
    logger.info('inside');
  });
  logger.info('outside');
  const [inside, outside] = (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual({ trace_id: inside.trace_id, span_id: inside.span_id }, ids);
  assert.match(inside.trace_id, /^[0-9a-f]{32}$/);
  assert.ok(!('trace_id' in outside));
});

test('while telemetry is off bodies run, errors pass and carriers stay empty', async () => {
  const telemetry = await startTelemetry('test', { endpoint: undefined });
  const headers: Record<string, string> = {};
  const result = await withSpan(spans.trainStep, { 'ddk.step': 1 }, async (span) => {
    span.setAttributes({ a: 1 });
    span.addEvent('e');
    injectContext(headers);
    return withContext(extractContext({ traceparent: 'x' }), () => 7);
  });
  assert.equal(result, 7);
  assert.deepEqual(headers, {});
  assert.deepEqual(currentTraceIds(), {});
  await assert.rejects(
    withSpan(spans.trainStep, {}, () => Promise.reject(new Error('passes'))),
    /passes/,
  );
  openSpan(spans.trainStep, {}).end();
  await telemetry.stop();
});
