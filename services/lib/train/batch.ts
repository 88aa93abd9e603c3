// The rows of a step: packed from windows and their teacher targets, and checked before they reach the program.
import { assert, DdkError } from '#base';
import type { DenseTargets, TopKTargets } from '#targets';
import { targetWidth } from './micro-batch.js';
import { rowsOf, type StepSpec } from './spec.js';

/** One row: a window, where it comes from, and the teacher's distribution at its predicted positions. */
export interface TrainRow {
  /** Index of the domain the row was drawn from; metrics are kept by it. */
  readonly domain: number;
  /** T + 1 token ids. */
  readonly ids: Int32Array;
  /** T: 1 where the predicted position counts. */
  readonly mask: Uint8Array;
  /** Of T positions; undefined where the step has no targets. */
  readonly targets?: TopKTargets | DenseTargets;
}

/** A step's rows as the program takes them. R rows, T positions, N = R*T, K listed entries (or V for dense targets). */
export interface StepBatch {
  /** [R] */
  readonly domains: readonly number[];
  readonly inputIds_N: Int32Array;
  readonly labels_N: Int32Array;
  readonly mask_N: Uint8Array;
  /** Sum of the mask. */
  readonly counted: number;
  readonly teacherIds_NK: Int32Array | undefined;
  readonly teacherLogProbs: Float32Array | undefined;
}

/**
 * Packs rows. Throws `invalid_argument` for a wrong number of rows or positions, ids outside the vocabulary, targets
 * of another kind than the step's, or a step in which no position counts.
 */
export function packBatch(spec: StepSpec, rows: readonly TrainRow[]): StepBatch {
  const { length, config } = spec;
  if (rows.length !== rowsOf(spec))
    throw invalid(`the step takes ${rowsOf(spec)} rows and got ${rows.length}`);
  const positions = rows.length * length;
  const width = targetWidth(spec);
  const inputIds_N = new Int32Array(positions);
  const labels_N = new Int32Array(positions);
  const mask_N = new Uint8Array(positions);
  const teacherIds_NK =
    spec.targets.kind === 'top_k' ? new Int32Array(positions * spec.targets.k) : undefined;
  const teacherLogProbs = width === undefined ? undefined : new Float32Array(positions * width);
  for (const [index, row] of rows.entries()) {
    if (row.ids.length !== length + 1 || row.mask.length !== length) {
      throw invalid(
        `row ${index} has ${row.ids.length} ids and ${row.mask.length} mask entries; ${length + 1} and ${length} are needed`,
      );
    }
    checkIds(`row ${index}`, row.ids, config.vocabSize);
    inputIds_N.set(row.ids.subarray(0, length), index * length);
    labels_N.set(row.ids.subarray(1), index * length);
    mask_N.set(row.mask, index * length);
    copyTargets(spec, index, row, teacherIds_NK, teacherLogProbs);
  }
  const counted = mask_N.reduce((sum, counts) => sum + (counts ? 1 : 0), 0);
  if (counted === 0) throw invalid('no position of the step counts: every mask is zero');
  return {
    domains: rows.map((row) => row.domain),
    inputIds_N,
    labels_N,
    mask_N,
    counted,
    teacherIds_NK,
    teacherLogProbs,
  };
}

/** What each position's loss is multiplied with: 1 / (counted positions of the whole step), or 0. */
export function positionWeights({ mask_N, counted }: StepBatch): Float32Array {
  const weights = new Float32Array(mask_N.length);
  for (let i = 0; i < weights.length; i++) weights[i] = mask_N[i] ? 1 / counted : 0;
  return weights;
}

function copyTargets(
  spec: StepSpec,
  index: number,
  { targets }: TrainRow,
  ids: Int32Array | undefined,
  logProbs: Float32Array | undefined,
): void {
  const { length, config } = spec;
  if (spec.targets.kind === 'none') return;
  const wanted = spec.targets.kind === 'dense' ? 'dense_f16' : 'top_k';
  if (targets?.kind !== wanted)
    throw invalid(`row ${index} has ${targets?.kind ?? 'no'} targets; the step takes ${wanted}`);
  if (targets.positions !== length)
    throw invalid(`row ${index} has targets of ${targets.positions} positions, not ${length}`);
  assert(logProbs, 'a step with targets has room for them');
  if (targets.kind === 'top_k') {
    assert(ids && spec.targets.kind === 'top_k', 'a top-k step has room for ids');
    if (targets.k !== spec.targets.k)
      throw invalid(`row ${index} lists ${targets.k} entries a position, the step ${spec.targets.k}`);
    checkIds(`the targets of row ${index}`, targets.ids, config.vocabSize);
    ids.set(targets.ids, index * length * targets.k);
  } else if (targets.vocabSize !== config.vocabSize) {
    throw invalid(
      `the targets of row ${index} cover ${targets.vocabSize} tokens, the model ${config.vocabSize}`,
    );
  }
  logProbs.set(targets.logProbs, (index * logProbs.length) / rowsOf(spec));
}

function checkIds(what: string, ids: Int32Array, vocabSize: number): void {
  for (const id of ids) {
    if (id < 0 || id >= vocabSize)
      throw invalid(`${what} contains token id ${id}; the vocabulary has ${vocabSize}`);
  }
}

function invalid(message: string): DdkError {
  return new DdkError('invalid_argument', message);
}
