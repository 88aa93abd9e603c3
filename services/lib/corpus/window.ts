// A window: what one row of a batch is cut from.

/** T is the sequence length. */
export interface Window {
  /** [T + 1] token ids; position t predicts ids[t + 1]. */
  readonly ids: Int32Array;
  /** [T] 1 where the predicted position counts, else 0. */
  readonly mask: Uint8Array;
}

export interface WindowRow {
  /** [T] */
  readonly inputIds: Int32Array;
  /** [T] the token that follows each input. */
  readonly labels: Int32Array;
  /** [T] 1 where the label counts. */
  readonly mask: Uint8Array;
}

/** A window as a model takes it: inputs, and the label and weight of each. Views, not copies. */
export function labels(window: Window): WindowRow {
  const { ids, mask } = window;
  return { inputIds: ids.subarray(0, ids.length - 1), labels: ids.subarray(1), mask };
}
