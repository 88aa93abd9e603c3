// What differs between the spec a run was made with and the one it is to be continued with.
import type { RunSpec } from '#proto/ddk/v1/types';

const meanings: Readonly<Record<string, string>> = {
  corpusDigest: 'corpus (the text, its split or its windows)',
  teacherFingerprint: 'teacher (its files)',
  studentDigest: 'student (its files)',
  baseCheckpointDigest: 'start (the checkpoint of step 0)',
};

/** Sentences such as `mixture.alpha was 0.5, is 0.7`, in the order of the fields. */
export function changedFields(before: RunSpec, after: RunSpec): string[] {
  const old = flatten(before);
  const now = flatten(after);
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((field) => old.get(field) !== now.get(field))
    .map((field) =>
      meanings[field]
        ? `${meanings[field]} has changed`
        : `${field} was ${old.get(field) ?? 'not set'}, is ${now.get(field) ?? 'not set'}`,
    );
}

function flatten(value: unknown, prefix = '', into = new Map<string, string>()): Map<string, string> {
  if (value !== null && typeof value === 'object')
    for (const [key, inner] of Object.entries(value)) flatten(inner, prefix ? `${prefix}.${key}` : key, into);
  else if (value !== undefined) into.set(prefix, String(value));
  return into;
}
