// Caches of targets for tests: what is put, what may be found, and the files they leave.
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { keyedUint32, type Logger, type ManualClock, sha256Hex, silentLogger } from '#base';
import { openTargetCache } from '#teacher';

export const keyOf = (i: number): string => sha256Hex(`key ${i}`);

/** Bytes that follow from the key and the version of what is kept under it. */
export function payloadOf(i: number, version = 0, bytes = 100 + (i % 7)): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => keyedUint32(version, 'payload', i, at));
}

export function isOneOf(found: Uint8Array, allowed: readonly Uint8Array[]): boolean {
  return allowed.some((one) => Buffer.from(one).equals(found));
}

interface Settings {
  readonly folder: string;
  readonly maxBytes?: number;
  readonly maxEntries?: number;
  readonly logger?: Logger;
  readonly clock?: ManualClock;
}

export async function openCache(t: TestContext, { logger = silentLogger, ...settings }: Settings) {
  const cache = await openTargetCache({ ...settings, logger });
  t.after(() => cache.close());
  return cache;
}

export function recordingLogger() {
  const warnings: string[] = [];
  const logger: Logger = Object.create(silentLogger, {
    warn: { value: (_: object, message: string) => warnings.push(message) },
  });
  return { logger, warnings };
}

export const segmentsOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.targets'))
    .map((name) => path.join(folder, name));

export const onDisk = (folder: string): number =>
  segmentsOf(folder).reduce((sum, file) => sum + statSync(file).size, 0);

/** As if nobody had written to them for an hour. */
export function age(folder: string): void {
  const then = Date.now() / 1000 - 3600;
  for (const file of segmentsOf(folder)) utimesSync(file, then, then);
}

/** The writes of all open files, which go on as they are. */
export async function watchWrites(t: TestContext, folder: string) {
  const handle = await open(segmentsOf(folder)[0]!, 'r');
  const prototype = Object.getPrototypeOf(handle) as { writev(...all: unknown[]): Promise<unknown> };
  await handle.close();
  return t.mock.method(prototype, 'writev');
}
