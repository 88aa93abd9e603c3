// Documents packed for the way to a thread: a few flat arrays, handed over without copying.

import { type Document, documentBytes } from './document.js';
import type { DocumentKey } from './held-out.js';

export interface DocumentBatch {
  /** UTF-8 of all segments, one after the other. */
  readonly text: Uint8Array<ArrayBuffer>;
  /** By segment. */
  readonly segmentBytes: Uint32Array<ArrayBuffer>;
  /** By segment: 1 where it counts in the loss. */
  readonly segmentCounted: Uint8Array<ArrayBuffer>;
  /** By document: how many segments it has. */
  readonly documentSegments: Uint32Array<ArrayBuffer>;
  /** Documents of the batch that become samples and are not trained on. */
  readonly heldOut: readonly { readonly document: number; readonly key: DocumentKey }[];
}

/** Enough work that handing it over does not show, little enough that a few batches are no memory to speak of. */
const batchBytes = 1 << 18;
const maxBatchDocuments = 4096;

export class BatchBuilder {
  #text = new Uint8Array(batchBytes);
  #bytes = 0;
  #segmentBytes: number[] = [];
  #segmentCounted: number[] = [];
  #documentSegments: number[] = [];
  #heldOut: { document: number; key: DocumentKey }[] = [];

  get isEmpty(): boolean {
    return this.#documentSegments.length === 0;
  }

  get isFull(): boolean {
    return this.#bytes >= batchBytes || this.#documentSegments.length >= maxBatchDocuments;
  }

  /** Copies the document. @param heldOut its key, where it becomes a sample */
  add(document: Document, heldOut: DocumentKey | undefined): void {
    if (heldOut !== undefined) this.#heldOut.push({ document: this.#documentSegments.length, key: heldOut });
    const needed = this.#bytes + documentBytes(document);
    if (needed > this.#text.byteLength) {
      const larger = new Uint8Array(needed);
      larger.set(this.#text.subarray(0, this.#bytes));
      this.#text = larger;
    }
    for (const { bytes, counted } of document) {
      this.#text.set(bytes, this.#bytes);
      this.#bytes += bytes.byteLength;
      this.#segmentBytes.push(bytes.byteLength);
      this.#segmentCounted.push(counted ? 1 : 0);
    }
    this.#documentSegments.push(document.length);
  }

  /** The batch so far; the builder starts over. */
  take(): DocumentBatch {
    const batch = {
      text: this.#text.slice(0, this.#bytes),
      segmentBytes: Uint32Array.from(this.#segmentBytes),
      segmentCounted: Uint8Array.from(this.#segmentCounted),
      documentSegments: Uint32Array.from(this.#documentSegments),
      heldOut: this.#heldOut,
    };
    this.#bytes = 0;
    this.#segmentBytes = [];
    this.#segmentCounted = [];
    this.#documentSegments = [];
    this.#heldOut = [];
    // One long document must not make every later batch as large.
    if (this.#text.byteLength > 4 * batchBytes) this.#text = new Uint8Array(batchBytes);
    return batch;
  }
}

export function batchTransfer(batch: DocumentBatch): ArrayBuffer[] {
  return [
    batch.text.buffer,
    batch.segmentBytes.buffer,
    batch.segmentCounted.buffer,
    batch.documentSegments.buffer,
  ];
}
