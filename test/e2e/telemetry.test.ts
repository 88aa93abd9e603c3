// OTEL_EXPORTER_OTLP_ENDPOINT, as processes read it: what they send reaches a collector.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { spans } from '#telemetry';
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.js';
import { serviceNames, startServices } from '../support/service-processes.js';
import { succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

let world: TinyWorld;
let collector: OtlpReceiver;
before(async () => {
  world = await tinyWorld();
  collector = await startOtlpReceiver();
});
after(async () => {
  await collector.close();
  await world.remove();
});

test('a run of one process sends its spans and metrics to the collector that is named', async () => {
  await succeeds(world, ['run', 'tiny.yaml'], { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint } });
  for (const name of [spans.scheduleRun, spans.trainStep, spans.scoreBatch, spans.exportModel])
    assert.ok(collector.has('/v1/traces', name), name);
  assert.ok(collector.has('/v1/metrics', 'ddk.train.step.duration'));
  assert.ok(collector.has('/v1/traces', 'service.name'));
});

test('every service sends under its own name', async (t) => {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.endpoint;
  t.after(() => delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT);
  const services = await startServices(world.folder);
  try {
    const spec = await world.spec({ name: 'apart', training: { intervals: 1 } });
    await succeeds(world, ['run', spec, '--scheduler', services.scheduler]);
  } finally {
    await services.stop();
  }
  for (const name of serviceNames) assert.ok(collector.has('/v1/traces', `ddk-${name}`), name);
});

test('an endpoint that is no address is refused before anything is done', async () => {
  const refused = await world.ddk(['runs'], { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' } });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^ddk: The OTLP endpoint "collector" is not a URL: .*\.$/m);
});
