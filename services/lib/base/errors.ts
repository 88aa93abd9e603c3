// The one error class. Codes are those of gRPC, so that one table maps them to a status; nothing here knows gRPC.

export type ErrorCode =
  | 'invalid_argument'
  | 'failed_precondition'
  | 'not_found'
  | 'already_exists'
  | 'resource_exhausted'
  | 'aborted'
  | 'unavailable'
  | 'deadline_exceeded'
  | 'cancelled'
  | 'data_loss'
  | 'unimplemented'
  | 'permission_denied'
  | 'internal';

/** One thing wrong with one field of what the caller gave, e.g. `{ field: 'mixture.alpha', description: 'must be in [0, 1], is 1.5' }`. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

export interface DdkErrorOptions {
  readonly cause?: unknown;
  readonly violations?: readonly Violation[];
  /** Machine-readable detail in UPPER_SNAKE, e.g. `CAS_CONFLICT`. */
  readonly reason?: string;
}

const retryableCodes: ReadonlySet<ErrorCode> = new Set([
  'unavailable',
  'aborted',
  'deadline_exceeded',
  'resource_exhausted',
]);

/** What the operating system's error names mean to a caller. */
const codeOfErrno: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not_found',
  ENOTDIR: 'not_found',
  EEXIST: 'already_exists',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
  EROFS: 'permission_denied',
  ENOSPC: 'resource_exhausted',
  EDQUOT: 'resource_exhausted',
  EFBIG: 'resource_exhausted',
  EMFILE: 'resource_exhausted',
  ENFILE: 'resource_exhausted',
  ENOMEM: 'resource_exhausted',
  EIO: 'data_loss',
  EISDIR: 'invalid_argument',
  ENAMETOOLONG: 'invalid_argument',
  EADDRINUSE: 'already_exists',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  EPIPE: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ENOTFOUND: 'unavailable',
  ETIMEDOUT: 'deadline_exceeded',
  ABORT_ERR: 'cancelled',
};

/**
 * An error that a caller can act on. The message is one clear sentence: the thing, the value, the remedy.
 * A broken invariant of our own is not this but `assert`.
 */
export class DdkError extends Error {
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  readonly reason: string | undefined;

  constructor(code: ErrorCode, message: string, options: DdkErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DdkError';
    this.code = code;
    this.violations = options.violations ?? [];
    this.reason = options.reason;
  }

  /** Whether the same call may succeed later without anybody changing it. */
  get retryable(): boolean {
    return retryableCodes.has(this.code);
  }

  override toString(): string {
    return `[${this.code}] ${this.message}`;
  }

  /** Any thrown thing as a DdkError; one that already is passes through unchanged. */
  static from(error: unknown): DdkError {
    if (error instanceof DdkError) return error;
    if (!(error instanceof Error)) return new DdkError('internal', String(error), { cause: error });
    return new DdkError(codeOf(error), noSpaceSentence(error) ?? error.message, { cause: error });
  }
}

/** A full disk is met in so many places that its sentence is here. */
function noSpaceSentence(error: NodeJS.ErrnoException & { readonly dest?: string }): string | undefined {
  if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') return undefined;
  const place = error.dest ?? error.path;
  return `There is no space left${place === undefined ? ' on the disk' : ` for ${place}`}: free some, then try again.`;
}

function codeOf(error: Error): ErrorCode {
  if (error.name === 'AbortError') return 'cancelled';
  if (error.name === 'TimeoutError') return 'deadline_exceeded';
  const errno = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return codeOfErrno[errno] ?? 'internal';
}
