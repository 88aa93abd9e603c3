// The inside of a runner thread: calls native functions by address, one after the other, and posts their status back.
import { parentPort } from 'node:worker_threads';
import koffi from 'koffi';
import { flushDenormals } from './denormals.js';
import type { NativeCall, RunnerMessage } from './runner.js';

const functions = new Map<bigint, ReturnType<ReturnType<typeof koffi.load>['func']>>();

parentPort?.on('message', ({ address, parameters, args, announced }: NativeCall) => {
  let known = functions.get(address);
  if (!known) {
    known = koffi.decode(address, koffi.proto('void *', [...parameters])) as NonNullable<typeof known>;
    functions.set(address, known);
  }
  if (announced) post('entering');
  // Just before the call, so that nothing the engine does between calls can matter.
  flushDenormals();
  post((known(...args) as bigint | null) ?? 0n);
});

function post(message: RunnerMessage): void {
  parentPort?.postMessage(message);
}
