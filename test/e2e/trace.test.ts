// One trace leads from the scheduler's decision over a training step to the teacher's session.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { spans as names } from '#telemetry';
import { runSpecHere } from '../../services/cli/commands/run.js';
import { openDataFolder } from '../../services/cli/data-folder.js';
import type { Display } from '../../services/cli/display/display.js';
import { readSpec } from '../../services/cli/spec/read-spec.js';
import { type CapturedSpan, captureTelemetry } from '../support/captured-telemetry.js';
import { type TinyWorld, tinySteps, tinyWorld } from '../support/tiny-world.js';

const silent: Display = {
  note: () => {},
  warn: () => {},
  task: () => ({ update: () => {}, end: () => {} }),
  run: () => {},
  progress: () => {},
  result: () => {},
  close: () => {},
};

/** `ddk run tiny.yaml` in this process. */
async function runHere(world: TinyWorld): Promise<void> {
  const data = await openDataFolder(join(world.folder, '.ddk'));
  const { signal } = new AbortController();
  const options = { data: data.root, json: false, logLevel: 'error', outputClosed: signal };
  const session = { options, display: silent, data, signal, running: async () => undefined };
  try {
    await runSpecHere(session, await readSpec(join(world.folder, 'tiny.yaml')), {});
  } finally {
    await data.close();
  }
}

test('a run is one trace over all four services, and every step in it leads back to its assignment', async (t) => {
  const telemetry = await captureTelemetry();
  t.after(() => telemetry.stop());
  const world = await tinyWorld();
  t.after(() => world.remove());
  await runHere(world);
  const spans = await telemetry.spans();
  const metrics = await telemetry.metrics();

  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const all = (name: string): CapturedSpan[] => spans.filter((span) => span.name === name);
  /** The names from the span's parent to the root. */
  const ancestors = (span: CapturedSpan): string[] => {
    const parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
    if (span.parentSpanId !== undefined) assert.ok(parent, `the parent of ${span.name} was not recorded`);
    return parent === undefined ? [] : [parent.name, ...ancestors(parent)];
  };
  const createRun = 'ddk.v1.SchedulerService/CreateRun';
  const scoreSequences = 'ddk.v1.TeacherScoringService/ScoreSequences';
  const toInterval = [names.trainInterval, names.processWork, names.scheduleRun];

  const { traceId } = all(createRun)[0]!;
  const steps = all(names.trainStep);
  assert.deepEqual(
    steps.map((span) => span.attributes['ddk.step']),
    Array.from({ length: tinySteps }, (_, i) => i + 1),
  );
  const fetches = new Map(all(names.fetchTargets).map((span) => [span.attributes['ddk.step'], span]));
  for (const step of steps) {
    assert.equal(step.traceId, traceId);
    assert.deepEqual(ancestors(step).slice(0, 3), toInterval);
    assert.equal(ancestors(step).at(-1), createRun);
    // Its targets were fetched for the same assignment, most of them before the step began.
    const fetch = fetches.get(step.attributes['ddk.step']);
    assert.equal(fetch?.parentSpanId, step.parentSpanId);
  }
  const scored = all(names.scoreBatch).filter((span) => span.attributes['ddk.encoding'] === 'top_k');
  assert.equal(scored.length, tinySteps);
  for (const span of scored) {
    assert.equal(span.traceId, traceId);
    assert.deepEqual(ancestors(span).slice(0, 6), [
      scoreSequences,
      scoreSequences,
      names.fetchTargets,
      ...toInterval,
    ]);
  }
  for (const name of [names.measureGaps, names.evaluateDomain, names.commitCheckpoint, names.exportModel])
    for (const span of all(name)) assert.equal(ancestors(span).at(-1), createRun, name);
  assert.deepEqual(
    spans.filter((span) => span.failed).map(({ name, message }) => `${name}: ${message}`),
    [],
  );

  assert.equal(metrics.get('ddk.train.step.duration')?.points[0]?.value, tinySteps);
  assert.deepEqual(
    metrics.get('ddk.domain.gap')?.points.map(({ attributes }) => attributes.domain),
    ['mail', 'code', 'sums'],
  );
});
