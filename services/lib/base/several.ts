// Several errors that are told as one, so that all of them can be mended before the next attempt.
import { DdkError } from './errors.js';

/** How many are told in full. */
const most = 20;

/** One error with a line for each; its code and reason are the first one's. The only one of its kind stays as it is. */
export function asOneError(first: DdkError, ...others: readonly DdkError[]): DdkError {
  if (others.length === 0) return first;
  const errors = [first, ...others];
  const left = errors.length - most;
  const lines = errors.slice(0, most).map(({ message }) => message);
  if (left > 0) lines.push(`And ${left} more.`);
  return new DdkError(first.code, lines.join('\n'), {
    cause: first,
    violations: errors.flatMap(({ violations }) => violations),
    ...(first.reason && { reason: first.reason }),
  });
}
