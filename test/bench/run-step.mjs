// Our training step against PyTorch's on this machine: every side is a process that stays; they take turns, a few steps
// each, so that whatever else the machine does meets all of them alike. Prints medians and ratios.
//
//   node test/bench/run-step.mjs [--shape small|large] [--threads 2] [--rounds 8] [--steps 5] [--only ddk,torch compile]
//
// Python: DDK_BENCH_PYTHON names an interpreter that has PyTorch. Without it, a virtual environment with CPU PyTorch is
// made once in .bench/venv (python3 -m venv, pip install torch).
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'small' },
    k: { type: 'string', default: '16' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '8' },
    steps: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
});
const shapes = { small: '8,128,256,4,4,688,4096', large: '8,128,512,8,6,1376,8192' };
const shape = shapes[values.shape] ?? values.shape;
const ours = 'dist/test/bench/step.js';
if (!existsSync(ours)) throw new Error(`${ours} is missing; build first: npm run build`);

function python() {
  if (process.env.DDK_BENCH_PYTHON) return process.env.DDK_BENCH_PYTHON;
  const folder = '.bench/venv';
  const interpreter = `${folder}/bin/python`;
  if (!existsSync(`${folder}/ready`)) {
    const run = (command, args) => execFileSync(command, args, { stdio: 'inherit' });
    run('python3', ['-m', 'venv', folder]);
    run(interpreter, ['-m', 'pip', 'install', '--quiet', 'numpy', 'torch']);
    execFileSync('touch', [`${folder}/ready`]);
  }
  return interpreter;
}

const common = ['--shape', shape, '--k', values.k, '--threads', values.threads];
const torch = (...args) => [python(), ['test/bench/torch_step.py', ...common, ...args]];
const sides = {
  ddk: () => ['node', [ours, ...common]],
  'ddk sleeping': () => ['node', [ours, ...common, '--spin-us', '0']],
  'torch eager': () => torch(),
  'torch eager sdpa': () => torch('--attention', 'sdpa'),
  'torch compile': () => torch('--compile'),
  'torch compile sdpa': () => torch('--compile', '--attention', 'sdpa'),
};

class Side {
  constructor(name, [command, args]) {
    this.name = name;
    this.milliseconds = [];
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async take(steps) {
    this.process.stdin.write(`${steps}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended early`);
    return JSON.parse(value);
  }
}

const chosen = values.only?.split(',') ?? Object.keys(sides);
const running = chosen.map((name) => new Side(name, sides[name]()));
// Compilation and the first touch of memory are not part of a step.
for (const side of running) await side.take(4);
for (let round = 0; round < Number(values.rounds); round++) {
  // There and back, so that nobody always follows the same side.
  for (const side of round % 2 === 0 ? running : running.toReversed()) {
    // Idle threads of the side before may spin for a while.
    await setTimeout(300);
    side.milliseconds.push(...(await side.take(Number(values.steps))));
  }
}
for (const side of running) side.process.stdin.end();

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const medians = new Map(running.map(({ name, milliseconds }) => [name, median(milliseconds)]));
const best = Math.min(...[...medians].filter(([name]) => name.startsWith('torch')).map(([, ms]) => ms));
console.log(`shape ${shape}, k ${values.k}, ${values.threads} threads; ms a step`);
for (const { name, milliseconds } of running) {
  const ms = medians.get(name);
  const ratio = Number.isFinite(best) ? `   ${(ms / best).toFixed(2)} of the best torch` : '';
  console.log(
    `${name.padEnd(20)} median ${ms.toFixed(1).padStart(7)}   fastest ${Math.min(...milliseconds)
      .toFixed(1)
      .padStart(7)}${ratio}`,
  );
}
