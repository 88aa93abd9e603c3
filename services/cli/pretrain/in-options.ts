// What goes wrong in pretraining, said with the options of `ddk pretrain` that are at fault or with the way on.
import { DdkError } from '#base';

/** A loss that is no number any more is said with the option that is at fault. */
export function inOptions(error: unknown, step: number, peak: number): DdkError {
  const known = DdkError.from(error);
  if (known.reason !== 'LOSS_NOT_FINITE') return known;
  return new DdkError(
    known.code,
    `Step ${step} came to a loss or a gradient that is no finite number any more: give a --lr below ${peak}.`,
    { cause: error, reason: known.reason },
  );
}

/** Too little text is said with the options that name it and ask for it, not with the fields of a spec. */
export function textInOptions(error: unknown): DdkError {
  const known = DdkError.from(error);
  if (known.reason !== 'TOO_LITTLE_TEXT' || known.violations.length === 0) return known;
  const violations = known.violations.map(({ field, description }) => ({
    field: `--text ${/^domains\["(.*)"\]$/.exec(field)?.[1] ?? field}`,
    description: description
      .replace(/set validationSamples to/, 'set --validation to')
      .replace(/validationSamples (?=\d)/, '--validation '),
  }));
  const all = violations.map(({ field, description }) => `${field} ${description}`).join('. ');
  return new DdkError(known.code, `There is too little text: ${all}.`, {
    cause: error,
    violations,
    reason: known.reason,
  });
}

/** What stands in the way of a commit, where that is another process's. */
export function trainedElsewhere(error: unknown): DdkError {
  const known = DdkError.from(error);
  if (known.code !== 'already_exists' && known.code !== 'aborted') return known;
  return new DdkError(
    'failed_precondition',
    'Another process is training this model, on the same text with the same settings, in this data folder: wait for it to end. This one ends here; what it trained since its last checkpoint is not kept.',
    { cause: error, reason: 'MODEL_IN_TRAINING' },
  );
}
