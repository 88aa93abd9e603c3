// SIGKILL at random moments of `ddk run`: the weights at the end against those of a run that was left alone.
// usage: node dist/test/bench/kill-random.js [SEED] [TIMES]
//
// First every death has a run of its own; then one run dies as many times before it is left alone.
import assert from 'node:assert/strict';
import { keyedUniform } from '#base';
import { resultOf, succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

const seed = Number(process.argv[2] ?? Date.now() % 1_000_000);
const times = Number(process.argv[3] ?? 10);
const training = { intervals: 3, intervalSteps: 60, batchSize: 16, checkpointSeconds: 1 };
/** Still far from its end after as many deaths. */
const longer = { ...training, intervals: 4 * times };

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function finish(world: TinyWorld): Promise<string> {
  return String(resultOf(await succeeds(world, ['run', 'tiny.yaml', '--json'])).weightsDigest);
}

/** Starts the run and kills it after a while; what it was doing then, as far as it had said so. */
async function die(world: TinyWorld, afterMs: number): Promise<string> {
  const { signal, stdout } = await world.ddk(['run', 'tiny.yaml', '--json'], { killAfterMs: afterMs });
  if (signal !== 'SIGKILL') return 'over before';
  const last = stdout.slice(0, stdout.lastIndexOf('\n')).split('\n').at(-1) ?? '';
  if (last === '') return 'starting';
  const line = JSON.parse(last) as {
    type: string;
    interval?: number;
    run?: { state: string; interval: number };
  };
  if (line.run !== undefined) return `${line.run.state} in interval ${line.run.interval}`;
  return line.interval === undefined ? line.type : `${line.type} of interval ${line.interval}`;
}

const world = await tinyWorld();
await world.spec({ training });
const left = await world.another();
const startedMs = performance.now();
const expected = await finish(left);
const durationMs = performance.now() - startedMs;
await left.remove();
say(`seed ${seed}; left alone: ${expected} in ${Math.round(durationMs)} ms`);

let equal = 0;
for (let i = 0; i < times; i++) {
  const afterMs = Math.round(keyedUniform(seed, 'bench/kill', i) * durationMs);
  const one = await world.another();
  const doing = await die(one, afterMs);
  const digest = await finish(one);
  await one.remove();
  if (digest === expected) equal += 1;
  say(
    `killed after ${String(afterMs).padStart(6)} ms (${doing}): ${digest} ${digest === expected ? 'equal' : 'DIFFERENT'}`,
  );
}

await world.spec({ training: longer });
const aside = await world.another();
const longExpected = await finish(aside);
await aside.remove();
say(`a longer run left alone: ${longExpected}`);
for (let i = 0; i < times; i++) {
  const afterMs = Math.round((0.3 + 0.7 * keyedUniform(seed, 'bench/kill-again', i)) * durationMs);
  say(`the same run killed after ${String(afterMs).padStart(6)} ms (${await die(world, afterMs)})`);
}
const digest = await finish(world);
if (digest === longExpected) equal += 1;
say(`and left alone then: ${digest} ${digest === longExpected ? 'equal' : 'DIFFERENT'}`);
await world.remove();
say(`${equal} of ${times + 1} ended with the weights of the run that was left alone`);
assert.equal(equal, times + 1);
