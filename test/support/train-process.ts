// A process that takes some training steps from a checkpoint, or from the beginning, saves, and prints where it got to.
// usage: node train-process.js STORE SHAPE THREADS FROM LAST      FROM: a checkpoint's digest, or `start`
import { assert } from '#base';
import { openDiskStore } from '#store';
import { restoreCheckpoint, saveCheckpoint } from '#train';
import { benchSpec, openEngine, startingWeights, tinySpec, trainUntil } from './training.js';

const [folder, shape, threads, from, last] = process.argv.slice(2);
assert(folder && shape && threads && from && last, 'five arguments');
const spec = shape === 'bench' ? benchSpec : tinySpec;
const store = await openDiskStore(folder);
const engine = await openEngine(spec, Number(threads));
if (from === 'start') await engine.load(startingWeights(spec.config));
else await restoreCheckpoint(engine, from, store.artifacts);
await trainUntil(engine, Number(last));
const details = { cursors: [engine.stepsDone], mixtureVersion: 0, metrics: [] };
const { digest, manifest } = await saveCheckpoint(engine, store.artifacts, details);
process.stdout.write(`${JSON.stringify({ digest, weightsDigest: manifest.weightsDigest })}\n`);
await engine.close();
await store.close();
