// The teacher's losses on a corpus, computed once and kept as a record.
import { canonicalJson, DdkError, sha256Hex } from '#base';
import { TeacherLosses } from '#proto/ddk/v1/types';
import type { RecordStore } from '#store';
import type { TeacherModel } from '#teacher';
import type { DomainLoss } from './loss.js';

export interface KeptLosses {
  /** In domain-id order; undefined if they were not computed yet. */
  read(): Promise<readonly DomainLoss[] | undefined>;
  /** Keeps them, unless another process was first; what is kept is returned, so that all go by the same numbers. */
  keep(losses: readonly DomainLoss[]): Promise<readonly DomainLoss[]>;
}

/** Changes whenever the way losses are computed does. */
const formatVersion = 1;

/** The losses of this teacher, on the kind of machine it runs on, on this corpus with so many domains. */
export function keptLosses(
  records: RecordStore,
  corpusDigest: string,
  domains: number,
  { fingerprint, provider, precision }: TeacherModel,
): KeptLosses {
  const identity = { formatVersion, corpusDigest, fingerprint, provider, precision };
  const key = `teacher-losses/${sha256Hex(canonicalJson(identity))}`;
  const read = async (): Promise<readonly DomainLoss[] | undefined> => {
    const stored = await records.get(key);
    if (stored === undefined) return undefined;
    const kept = TeacherLosses.decode(stored.value).domains;
    if (kept.length !== domains) {
      throw new DdkError(
        'data_loss',
        `The record ${key} has ${kept.length} domains and the corpus ${domains}.`,
      );
    }
    return kept.map(({ loss, positions }) => ({ loss, positions: Number(positions) }));
  };
  return {
    read,
    async keep(losses) {
      const value = TeacherLosses.encode({
        domains: losses.map(({ loss, positions }) => ({ loss, positions: BigInt(positions) })),
      }).finish();
      try {
        await records.create(key, value);
      } catch (error) {
        if (DdkError.from(error).code !== 'already_exists') throw error;
      }
      return (await read()) ?? losses;
    },
  };
}
