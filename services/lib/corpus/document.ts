// A document: the unit that is held out or trained on.

export interface Segment {
  /** UTF-8. Valid until the next document is asked for; whoever keeps it longer copies it. */
  readonly bytes: Uint8Array;
  /** Whether its tokens count in the loss; false for prompts and for turns that are not the assistant's. */
  readonly counted: boolean;
}

export type Document = readonly Segment[];

export function documentBytes(document: Document): number {
  return document.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
}
