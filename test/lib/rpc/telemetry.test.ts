// One trace from caller to handler and onwards, and the durations of calls.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError } from '#base';
import { currentTraceIds, withSpan } from '#telemetry';
import { captureTelemetry } from '../../support/captured-telemetry.js';
import { collect, failure, withEcho } from './echo.js';

test('spans of caller, call, handler and what the handler starts are one chain in one trace', async () => {
  const captured = await captureTelemetry();
  try {
    let insideHandler = '';
    await withEcho(
      {
        async ask(note) {
          return withSpan('ddk.teacher.score', {}, async () => {
            insideHandler = currentTraceIds().trace_id ?? '';
            return note;
          });
        },
        async *talk(notes) {
          for await (const note of notes) yield await withSpan('ddk.teacher.score', {}, async () => note);
        },
      },
      async ({ client }) => {
        await withSpan('ddk.step.train', {}, async () => {
          await client.ask({ text: 'x' });
          await collect(client.talk([{ text: 'y' }]));
        });
      },
    );
    const spans = await captured.spans();
    const root = spans.find(({ name }) => name === 'ddk.step.train');
    assert.ok(root);
    for (const method of ['test.Echo/Ask', 'test.Echo/Talk'] as const) {
      const [client, server] = ['client', 'server'].map((kind) =>
        spans.find((span) => span.name === method && span.kind === kind),
      );
      assert.ok(client && server, method);
      assert.equal(client.parentSpanId, root.spanId);
      assert.equal(server.parentSpanId, client.spanId);
      assert.ok(
        spans.some(
          ({ name, parentSpanId }) => name === 'ddk.teacher.score' && parentSpanId === server.spanId,
        ),
      );
      assert.equal(server.attributes['rpc.response.status_code'], 'OK');
    }
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    assert.equal(insideHandler, root.traceId);
  } finally {
    await captured.stop();
  }
});

test('durations carry method and status, and failures are marked', async () => {
  const captured = await captureTelemetry();
  try {
    await withEcho(
      {
        async ask() {
          throw new DdkError('not_found', 'no such note');
        },
      },
      async ({ client }) => {
        await assert.rejects(client.ask({ text: '' }), failure('not_found'));
      },
    );
    const recorded = await captured.metrics();
    for (const name of ['rpc.client.call.duration', 'rpc.server.call.duration']) {
      const points = recorded.get(name)?.points ?? [];
      const point = points.find(({ attributes }) => attributes['rpc.method'] === 'test.Echo/Ask');
      assert.equal(point?.attributes['rpc.response.status_code'], 'NOT_FOUND', name);
      // A missing thing is the caller's failure, not the server's.
      assert.equal(point?.attributes['error.type'], name.includes('client') ? 'NOT_FOUND' : undefined);
    }
  } finally {
    await captured.stop();
  }
});
