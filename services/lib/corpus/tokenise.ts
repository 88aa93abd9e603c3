// From a batch of documents to ids; the same function in worker threads and in the calling one.

import { assert } from '#base';
import { createTokenizer, type Tokenizer, type TokenizerContent } from '#tokenizer';
import type { DocumentBatch } from './batch.js';
import type { DocumentKey } from './held-out.js';
import { idBytesFor } from './manifest.js';
import { cutSample } from './sample.js';
import type { Window } from './window.js';

/** Plain data: it is handed to each thread when it starts. */
export interface TokeniserSetup {
  readonly tokenizer: TokenizerContent;
  readonly sequenceLength: number;
  readonly seed: number;
}

export interface TokenisedBatch {
  /** The training documents' tokens, each document followed by one end-of-text token. */
  readonly ids: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  /** By token: 1 where it counts as a label. Absent where all do. */
  readonly counted: Uint8Array<ArrayBuffer> | undefined;
  readonly samples: readonly { readonly key: DocumentKey; readonly window: Window }[];
}

export type Tokenise = (batch: DocumentBatch) => TokenisedBatch;

export function createTokenise(setup: TokeniserSetup): Tokenise {
  const tokenizer = createTokenizer(setup.tokenizer);
  return (batch) => tokeniseBatch(tokenizer, setup, batch);
}

interface TokenisedDocument {
  readonly ids: Int32Array;
  readonly counted: Uint8Array;
}

function tokeniseBatch(tokenizer: Tokenizer, setup: TokeniserSetup, batch: DocumentBatch): TokenisedBatch {
  const keys = new Map(batch.heldOut.map(({ document, key }) => [document, key]));
  const training: TokenisedDocument[] = [];
  const samples: { key: DocumentKey; window: Window }[] = [];
  const { endOfText } = tokenizer;
  for (const [i, document] of tokeniseDocuments(tokenizer, batch)) {
    const key = keys.get(i);
    if (key === undefined) training.push(document);
    else
      samples.push({ key, window: cutSample(document.ids, document.counted, { ...setup, endOfText }, key) });
  }
  return { ...join(training, tokenizer.vocabSize), samples };
}

function* tokeniseDocuments(
  tokenizer: Tokenizer,
  batch: DocumentBatch,
): Generator<[number, TokenisedDocument]> {
  const text = Buffer.from(batch.text.buffer, batch.text.byteOffset, batch.text.byteLength);
  let segment = 0;
  let at = 0;
  for (const [i, segments] of batch.documentSegments.entries()) {
    const parts: { ids: Int32Array; counted: number }[] = [];
    for (const end = segment + segments; segment < end; segment++) {
      const bytes = batch.segmentBytes[segment]!;
      const ids = tokenizer.encode(text.toString('utf8', at, at + bytes));
      parts.push({ ids, counted: batch.segmentCounted[segment]! });
      at += bytes;
    }
    // Where an answer has ended is part of the answer.
    parts.push({ ids: Int32Array.of(tokenizer.endOfText), counted: parts.at(-1)?.counted ?? 1 });
    const length = parts.reduce((sum, part) => sum + part.ids.length, 0);
    const ids = new Int32Array(length);
    const counted = new Uint8Array(length);
    let position = 0;
    for (const part of parts) {
      ids.set(part.ids, position);
      counted.fill(part.counted, position, position + part.ids.length);
      position += part.ids.length;
    }
    yield [i, { ids, counted }];
  }
  assert(at === text.byteLength, 'the segments of a batch are its text');
}

function join(documents: readonly TokenisedDocument[], vocabSize: number): Omit<TokenisedBatch, 'samples'> {
  const length = documents.reduce((sum, { ids }) => sum + ids.length, 0);
  const ids = idBytesFor(vocabSize) === 2 ? new Uint16Array(length) : new Uint32Array(length);
  const counted = new Uint8Array(length);
  let at = 0;
  for (const document of documents) {
    ids.set(document.ids, at);
    counted.set(document.counted, at);
    at += document.ids.length;
  }
  return { ids, counted: counted.includes(0) ? counted : undefined };
}

export function tokenisedTransfer({ ids, counted }: TokenisedBatch): ArrayBuffer[] {
  return counted === undefined ? [ids.buffer] : [ids.buffer, counted.buffer];
}
