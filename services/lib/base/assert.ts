// Broken invariants: mistakes of the program, never of its user (those are a DdkError with a code).

/** Throws when something that this code itself guarantees does not hold. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`internal: ${message}`);
}

/** The default branch of an exhaustive switch: a compile error if a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`internal: value outside its type: ${JSON.stringify(value)}`);
}
