// A process that takes one training step while somebody else has the cores, and says when it lets go of them.
import { setTimeout as sleep } from 'node:timers/promises';
import { cores } from '../../services/lib/runtime/cores.js';
import { openEngine, rowsOfStep, startingWeights, tinySpec } from './training.js';

const engine = await openEngine(tinySpec);
await engine.load(startingWeights(tinySpec.config));
let letGo = (): void => undefined;
const taken = new Promise<void>((resolve) => {
  letGo = resolve;
});
void cores.use(0, undefined, () => taken);
const step = engine.step(rowsOfStep(tinySpec, 1), 1e-3);
// Long enough for a step that does not wait to be over.
await sleep(200);
process.stdout.write('the cores are free\n');
letGo();
await step;
process.stdout.write('the step is done\n');
await engine.close();
