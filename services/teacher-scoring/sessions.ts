// Sessions of the teacher by shape and output, made when they are first needed, the least recently used closed first.
import type { Logger } from '#base';
import { type ModelFolder, type ScoringHead, scoringModel } from '#model';
import type { Provider, Runtime, Session } from '#runtime';
import type { Output } from './scoring-request.js';

export interface SessionSettings {
  readonly model: ModelFolder;
  readonly runtime: Runtime;
  readonly provider: Provider;
  readonly device: number;
  readonly threads: number;
  readonly logger: Logger;
}

export interface SessionShape {
  /** B */
  readonly rows: number;
  /** T */
  readonly length: number;
  readonly output: Output;
}

export interface Sessions {
  /** The session of this shape; valid until the next call. */
  get(shape: SessionShape): Promise<Session>;
  close(): Promise<void>;
}

/** Each holds its activations and, rearranged for the processor, the large weights. Runs use one or two shapes at a time. */
const maxSessions = 3;

/** Numbers of rows that sessions are made for: a batch is padded to the next, by at most a third. */
const rowBuckets = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64] as const;

export const maximumRows = 64;

/** The rows that a batch of `rows` is computed in. */
export function rowBucket(rows: number): number {
  return rowBuckets.find((bucket) => bucket >= rows) ?? rows;
}

export function openSessions(settings: SessionSettings): Sessions {
  const { model, runtime, provider, device, threads, logger } = settings;
  /** In order of use, the least recent first. */
  const sessions = new Map<string, Session>();

  const create = async (shape: SessionShape): Promise<Session> => {
    const { rows, length, output } = shape;
    const startedMs = performance.now();
    const { config, weights } = model;
    const graph = scoringModel({ config, weights, batch: rows, length, head: headOf(output) });
    const session = await runtime.createSession(graph.bytes, {
      provider,
      deviceId: device,
      threads,
      externalDataFolder: graph.externalDataFolder,
    });
    const ms = Math.round(performance.now() - startedMs);
    logger.debug({ rows, length, output, ms }, 'a session is ready');
    return session;
  };

  return {
    async get(shape) {
      const key = JSON.stringify(shape);
      let session = sessions.get(key);
      sessions.delete(key);
      if (session === undefined) {
        for (const [oldest, unused] of sessions) {
          if (sessions.size < maxSessions) break;
          sessions.delete(oldest);
          await unused.close();
        }
        session = await create(shape);
      }
      sessions.set(key, session);
      return session;
    },
    async close() {
      const all = [...sessions.values()];
      sessions.clear();
      await Promise.all(all.map((session) => session.close()));
    },
  };
}

function headOf(output: Output): ScoringHead {
  if (output.kind === 'label_log_probs') return { kind: 'label_log_probs' };
  const { encoding, temperature } = output;
  switch (encoding.kind) {
    case 'dense_f16':
      return { kind: 'dense', temperature };
    case 'top_k':
      return { kind: 'top_k', k: encoding.k, temperature };
  }
}
