// Which checkpoints the records of a store name: those that somebody starts from, goes on from, measures or exports.
import { EvaluationRecord, ExportRecord, Interval, IntervalRecord, Run } from '#proto/ddk/v1/types';
import type { RecordStore, StoredRecord } from '#store';

/** Digests of the manifests that any run or pretraining names, whatever has become of it. */
export async function namedCheckpoints(records: RecordStore): Promise<ReadonlySet<string>> {
  const named = new Set<string>();
  for (const prefix of ['runs/', 'pretrain/'])
    for (const record of await records.list(prefix))
      for (const digest of namedIn(record)) if (digest) named.add(digest);
  return named;
}

function namedIn({ key, value }: StoredRecord): Iterable<string | undefined> {
  try {
    switch (kindOf(key)) {
      case 'run': {
        const run = Run.decode(value);
        return [
          run.spec?.baseCheckpointDigest,
          run.checkpointDigest,
          run.bestCheckpointDigest,
          ...run.intervals.flatMap(ofInterval),
        ];
      }
      case 'intervals':
        return ofInterval(Interval.decode(value));
      case 'train':
        return ofInterval(IntervalRecord.decode(value));
      case 'evaluate':
        return [EvaluationRecord.decode(value).checkpointDigest];
      case 'export':
        return [ExportRecord.decode(value).checkpointDigest];
      default:
        return digestsIn(value);
    }
  } catch {
    // What cannot be decoded may still be mended by somebody.
    return digestsIn(value);
  }
}

/** `run` for `runs/<id>`, `train` for `runs/<id>/train/<interval>` and so on. */
function kindOf(key: string): string | undefined {
  const [noun, , kind = 'run'] = key.split('/');
  return noun === 'runs' ? kind : undefined;
}

const ofInterval = (interval: { baseCheckpointDigest: string; checkpointDigest: string }): string[] => [
  interval.baseCheckpointDigest,
  interval.checkpointDigest,
];

/** Every digest in the text of a record that this version does not know: it may be a checkpoint's. */
const digestsIn = (value: Uint8Array): string[] =>
  Buffer.from(value)
    .toString('latin1')
    .match(/sha256:[0-9a-f]{64}/g) ?? [];
