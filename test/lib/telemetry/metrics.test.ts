// The catalogue of metrics, and what arrives where they are sent.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { DdkError } from '#base';
import { metrics, spans, startTelemetry, withSpan } from '#telemetry';
import { captureTelemetry } from '../../support/captured-telemetry.js';

const definitions = Object.values(metrics).map((metric) => metric.definition);

test('every metric and span has a name of its own, in a namespace that is known', () => {
  const names = definitions.map((definition) => definition.name);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^(ddk|rpc|nodejs)(\.[a-z0-9_]+)+$/);
  const spanNames = Object.values(spans);
  assert.equal(new Set<string>(spanNames).size, spanNames.length);
  for (const name of spanNames) assert.match(name, /^ddk(\.[a-z]+)+$/);
});

test('every metric says its unit and meaning, and carries no attribute with many values', () => {
  const few = new Set(['domain', 'encoding', 'model', 'queue', 'outcome', 'error.type']);
  for (const { name, unit, description, attributes } of definitions) {
    assert.match(unit, /^(s|1|\{[a-z]+\}(\/s)?)$/, name);
    assert.match(description, /^[A-Z0-9].{15,}\.$/, name);
    for (const attribute of attributes)
      assert.ok(few.has(attribute) || attribute.startsWith('rpc.'), attribute);
  }
});

test('buckets ascend', () => {
  for (const metric of Object.values(metrics))
    if (metric.kind === 'histogram') {
      const { buckets, name } = metric.definition;
      assert.ok(
        buckets.every((bound, index) => index === 0 || bound > buckets[index - 1]!),
        name,
      );
    }
});

test('what is recorded arrives with its definition, also when telemetry is started a second time', async () => {
  metrics.trainTokens.add(1_000_000, { domain: 'before it was on' });
  for (let round = 1; round <= 2; round += 1) {
    const captured = await captureTelemetry();
    metrics.trainTokens.add(100, { domain: 'code' });
    metrics.trainTokens.add(28, { domain: 'code' });
    metrics.trainTokens.add(5, { domain: 'prose' });
    metrics.domainWeight.record(0.25, { domain: 'code' });
    metrics.domainWeight.record(0.5, { domain: 'code' });
    metrics.trainLoss.record(2.5);
    metrics.trainLoss.record(Number.NaN);
    metrics.rpcServerCallDuration.record(0.02, {
      'rpc.system.name': 'grpc',
      'rpc.response.status_code': 'OK',
    });
    const found = await captured.metrics();
    await captured.stop();
    const tokens = found.get('ddk.train.tokens');
    assert.equal(tokens?.unit, '{token}');
    assert.equal(tokens?.description, 'Counted positions trained on.');
    assert.deepEqual(
      tokens?.points.map(({ attributes, value }) => [attributes, value]),
      [
        [{ domain: 'code' }, 128],
        [{ domain: 'prose' }, 5],
      ],
    );
    assert.equal(found.get('ddk.domain.weight')?.points[0]?.value, 0.5);
    assert.equal(found.get('ddk.train.loss')?.points[0]?.value, 2.5);
    const call = found.get('rpc.server.call.duration')?.points[0];
    assert.equal(call?.value, 1);
    assert.deepEqual(call?.buckets, metrics.rpcServerCallDuration.definition.buckets);
  }
});

test('spans and metrics are sent to the endpoint by OTLP, the last ones when stopping', async () => {
  const received = new Map<string, string>();
  const collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.set(request.url ?? '', Buffer.concat(chunks).toString('latin1'));
      response.end();
    });
  });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const { port } = collector.address() as AddressInfo;
  const telemetry = await startTelemetry('student-trainer', { endpoint: `http://127.0.0.1:${port}` });
  await withSpan(spans.trainStep, {}, async () => metrics.trainTokens.add(3, { domain: 'code' }));
  await telemetry.stop();
  await telemetry.stop();
  collector.close();
  assert.deepEqual([...received.keys()].sort(), ['/v1/metrics', '/v1/traces']);
  assert.match(received.get('/v1/traces') ?? '', /student-trainer[\s\S]*ddk\.step\.train/);
  assert.match(received.get('/v1/metrics') ?? '', /student-trainer[\s\S]*ddk\.train\.tokens/);
});

test('an endpoint that is not a URL is refused by name', async () => {
  for (const endpoint of ['localhost:4318', 'ftp://x', ''])
    await assert.rejects(
      startTelemetry('test', { endpoint }),
      (error) =>
        error instanceof DdkError &&
        error.code === 'invalid_argument' &&
        error.message.includes(JSON.stringify(endpoint)),
    );
});
