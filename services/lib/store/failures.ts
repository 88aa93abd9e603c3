// The errors of a store, worded once.

import { DdkError } from '#base';

export function conflict(key: string, expected: number): DdkError {
  return new DdkError(
    'aborted',
    `Record ${key} is no longer at revision ${expected}: somebody changed it; read it again and decide anew.`,
    { reason: 'CAS_CONFLICT' },
  );
}

export function alreadyExists(key: string): DdkError {
  return new DdkError('already_exists', `Record ${key} exists already.`, { reason: 'RECORD_EXISTS' });
}

/** Whether a change was refused because somebody else was first. */
export function isConflict(error: unknown): boolean {
  return error instanceof DdkError && (error.reason === 'CAS_CONFLICT' || error.reason === 'RECORD_EXISTS');
}

export function artifactMissing(digest: string): DdkError {
  return new DdkError(
    'not_found',
    `Artifact ${digest} is not in the store; put it there, from its source again if it was deleted.`,
    { reason: 'ARTIFACT_MISSING' },
  );
}

export function artifactDamaged(digest: string, found: string): DdkError {
  return new DdkError(
    'data_loss',
    `Artifact ${digest} is damaged: ${found}; put it again from its source or go back to an earlier one.`,
    { reason: 'ARTIFACT_DAMAGED' },
  );
}

export function artifactTooLarge(digest: string, bytes: number, maxBytes: number): DdkError {
  return new DdkError(
    'resource_exhausted',
    `Artifact ${digest} has ${bytes} bytes where at most ${maxBytes} are expected.`,
    { reason: 'ARTIFACT_TOO_LARGE' },
  );
}

export function recordDamaged(key: string, revision: number, why: string): DdkError {
  return new DdkError('data_loss', `Revision ${revision} of record ${key} is damaged: ${why}.`, {
    reason: 'RECORD_DAMAGED',
  });
}

export function storeGone(folder: string, doing: string): DdkError {
  return new DdkError(
    'failed_precondition',
    `The store ${folder} is gone (while ${doing}): its folder was deleted, moved or unmounted; put it back, or start over with the same command.`,
    { reason: 'STORE_GONE' },
  );
}

/** The operating system's name of what went wrong, from the error or its cause. */
function errnoOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause)
    if ('code' in at && typeof at.code === 'string' && /^E[A-Z0-9]+$/.test(at.code)) return at.code;
  return '';
}

/** What a failed operation on the store's folder means to its user. `doing` completes "while ...". */
export function folderFailure(error: unknown, folder: string, doing: string): DdkError {
  switch (errnoOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new DdkError(
        'resource_exhausted',
        `The store ${folder} is full (while ${doing}): free space there, then try again.`,
        { cause: error, reason: 'STORE_FULL' },
      );
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new DdkError(
        'permission_denied',
        `The store ${folder} refuses access (while ${doing}): make it writable for this user, then try again.`,
        { cause: error, reason: 'STORE_READ_ONLY' },
      );
    default: {
      const known = DdkError.from(error);
      return new DdkError(known.code, `The store ${folder} failed while ${doing}: ${known.message}`, {
        cause: error,
      });
    }
  }
}
