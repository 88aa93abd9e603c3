// The thread's side of the tokeniser pool: batches in, ids out, one at a time.

import { parentPort, workerData } from 'node:worker_threads';
import { assert, DdkError } from '#base';
import type { DocumentBatch } from './batch.js';
import { createTokenise, type TokeniserSetup, tokenisedTransfer } from './tokenise.js';
import type { WorkerAnswer } from './tokeniser-pool.js';

const port = parentPort;
assert(port !== null, 'this module runs in a worker thread');
const tokenise = createTokenise(workerData as TokeniserSetup);

port.on('message', (batch: DocumentBatch) => {
  try {
    const result = tokenise(batch);
    port.postMessage({ result } satisfies WorkerAnswer, tokenisedTransfer(result));
  } catch (error) {
    // Errors lose their class on the way, so code and message travel and the other side makes one anew.
    const { code, message } = DdkError.from(error);
    port.postMessage({ error: { code, message } } satisfies WorkerAnswer);
  }
});
