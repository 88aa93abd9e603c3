// Targets of windows: from disk where they are kept, else from the teacher, in messages of one shape.
import { assert, DdkError, inGroups } from '#base';
import type { Window } from '#corpus';
import { bytesPerPosition, decodeTargets, type TargetEncoding, targetsCacheKey } from '#targets';
import { metrics } from '#telemetry';
import type { ScoreStream } from './score-stream.js';
import type { TargetCache } from './target-cache.js';
import type { TargetSource, TeacherModel } from './types.js';
import { encodeTokenIds, rowsPerMessage } from './wire.js';

export interface TargetSourceOptions {
  readonly model: TeacherModel;
  readonly scores: ScoreStream;
  readonly encoding: TargetEncoding;
  readonly temperature: number;
  readonly length: number;
  readonly cache: TargetCache | undefined;
}

/** Windows that are looked for on disk at once. */
const windowsAtOnce = 256;

export function openTargetSource(options: TargetSourceOptions): TargetSource {
  const { model, scores, encoding, temperature, length, cache } = options;
  const positionBytes = bytesPerPosition(encoding, model.vocabSize);
  const windowBytes = positionBytes * length;

  const keyOf = (window: Window, rows: number): string =>
    targetsCacheKey({
      windowIds: window.ids,
      mask: window.mask,
      teacherFingerprint: model.fingerprint,
      encoding,
      temperature,
      vocabSize: model.vocabSize,
      provider: model.provider,
      precision: model.precision,
      shapeBucket: `${rows}x${length}`,
    });
  const kept = async (from: TargetCache, key: string): Promise<Uint8Array | undefined> => {
    const found = await from.get(key);
    metrics.targetsCacheLookups.add(1, { outcome: found === undefined ? 'miss' : 'hit' });
    // Of another size: not what this version packs. It is scored again and overwritten.
    return found?.byteLength === windowBytes ? found : undefined;
  };

  return {
    close: () => scores.close(),
    async fetch(windows, signal) {
      assert(windows.length > 0, 'there are windows to fetch targets for');
      const rows = rowsPerMessage(windows.length, length, positionBytes, model);
      const packed = Buffer.allocUnsafe(windows.length * windowBytes);
      const keys: string[] = [];
      const missing: number[] = [];
      await inGroups(windows, windowsAtOnce, async (window, row) => {
        const key = cache === undefined ? '' : keyOf(window, rows);
        keys[row] = key;
        const payload = cache && (await kept(cache, key));
        if (payload === undefined) missing.push(row);
        else packed.set(payload, row * windowBytes);
      });
      // In the order of the windows, whichever was found out about first.
      missing.sort((a, b) => a - b);
      const messages: Promise<void>[] = [];
      for (let from = 0; from < missing.length; from += rows) {
        const some = missing.slice(from, from + rows);
        messages.push(
          scores.score(rows, tokenIdsOf(windows, some, rows), signal).then((payload) => {
            requireBytes(payload, rows * windowBytes);
            for (const [at, row] of some.entries()) {
              packed.set(payload.subarray(at * windowBytes, (at + 1) * windowBytes), row * windowBytes);
            }
          }),
        );
      }
      await Promise.all(messages);
      // Checks every byte, before any is kept.
      const targets = decodeTargets(packed, encoding, model.vocabSize, windows.length * length);
      if (cache !== undefined) {
        const keep = (row: number): Promise<void> =>
          cache.put(keys[row]!, packed.subarray(row * windowBytes, (row + 1) * windowBytes));
        await Promise.all(missing.map(keep));
      }
      return targets;
    },
  };
}

function tokenIdsOf(windows: readonly Window[], some: readonly number[], rows: number): Buffer {
  return encodeTokenIds(
    some.map((row) => windows[row]!),
    rows,
  );
}

function requireBytes(payload: Uint8Array, bytes: number): void {
  if (payload.byteLength === bytes) return;
  throw new DdkError(
    'data_loss',
    `The teacher's targets should have ${bytes} bytes, but ${payload.byteLength} came.`,
  );
}
