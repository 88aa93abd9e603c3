// What is wrong with what a caller gave, field by field, as one error.
import { DdkError, type Violation } from './errors.js';

/**
 * The error that names every violation in one sentence: `a is b; c is d.`, after `what` cannot be because of them if that
 * is given.
 */
export function invalidArgument(violations: readonly Violation[], what?: string): DdkError {
  const list = violations.map(({ field, description }) => `${field} ${description}`).join('; ');
  const message = what === undefined ? `${list}.` : `${what}: ${list}.`;
  return new DdkError('invalid_argument', message, { violations });
}

/** Throws `invalidArgument` where there is any violation. */
export function requireNone(violations: readonly Violation[], what?: string): void {
  if (violations.length > 0) throw invalidArgument(violations, what);
}
