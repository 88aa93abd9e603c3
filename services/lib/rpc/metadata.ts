// Metadata of a call as plain text.
import type { Metadata } from '@grpc/grpc-js';

/** The text values of metadata; of a key with several the first. */
export function textMetadata(metadata: Metadata): Record<string, string> {
  const text: Record<string, string> = {};
  for (const [key, value] of Object.entries(metadata.getMap())) {
    if (typeof value === 'string') text[key] = value;
  }
  return text;
}
