// Causal grouped-query attention with rotary positions. Shape letters as in decoder.ts.
import type { GraphBuilder, Value } from '#onnx';
import type { DecoderConfig } from './config.js';
import { type ParameterLookup, project, type RmsNorm } from './layers.js';
import { fusedRotation, plainRotation, type Rotation, rotaryAngles, rotaryFrequencies } from './rotary.js';

/**
 * What all layers share: target shapes for Reshape, the rotation's tables and the causal mask.
 *
 * Rows are ordered by time, then sequence: n = t * B + b. A projection's output then is [T, B*heads, D] without moving
 * anything, and swapping its first two axes is something a batched product can do as it reads (ONNX Runtime fuses it).
 */
export interface AttentionGeometry {
  /** [T, B*heads, D] */
  readonly split: (heads: number) => Value;
  /** [T, B*J, G*D] */
  readonly grouped: Value;
  /** [B*J, T*G, D]: the queries of one key-value head below each other, so that no key is ever copied for its group. */
  readonly folded: Value;
  /** [B*J, T*G, T] */
  readonly foldedScores: Value;
  /** A shape that the mask broadcasts to. */
  readonly scores: Value;
  /** [B*J, T, G*D] */
  readonly unfolded: Value;
  /** [N, H*D] */
  readonly merged: Value;
  /** The queries' also multiplies with 1/sqrt(D), which saves a pass over the scores. */
  readonly rotateQueries: Rotation;
  readonly rotateKeys: Rotation;
  /** Added to the scores: 0 where position t may see s, a large negative number elsewhere. */
  readonly mask: Value;
}

// Far below any real score, and finite: a row whose every key is masked then yields a uniform average instead of 0/0.
const MASKED = -1e9;

/** All sizes known: the tables are constants of the graph. */
export function staticGeometry(
  b: GraphBuilder,
  config: DecoderConfig,
  batch: number,
  length: number,
): AttentionGeometry {
  const { heads: H, kvHeads: J, headDim: D } = config;
  const G = H / J;
  const angles = rotaryAngles(config, length);
  const positions = b.ints(Array.from({ length }, (_, t) => t));
  return {
    split: (heads) => b.ints([length, batch * heads, D]),
    grouped: b.ints([length, batch * J, G * D]),
    folded: b.ints([batch * J, length * G, D]),
    foldedScores: b.ints([batch * J, length * G, length]),
    scores: b.ints([batch * J, length, G, length]),
    unfolded: b.ints([batch * J, length, G * D]),
    merged: b.ints([length * batch, H * D]),
    rotateQueries: fusedRotation(b, angles, { length, heads: batch * H, scale: D ** -0.5 }),
    rotateKeys: fusedRotation(b, angles, { length, heads: batch * J, scale: 1 }),
    mask: b.where(futureOf(b, positions), b.scalar(MASKED), b.scalar(0)),
  };
}

/** Sizes known only when the graph runs: the same values computed from the shape of the ids. */
export function dynamicGeometry(
  b: GraphBuilder,
  config: DecoderConfig,
  inputIds: Value,
  attentionMask: Value | undefined,
): AttentionGeometry {
  const { heads: H, kvHeads: J, headDim: D } = config;
  const G = H / J;
  const shape = b.op('Shape', [inputIds]);
  const batch = b.slice(shape, 0, 0, 1);
  const length = b.slice(shape, 0, 1, 2);

  const zero = b.scalar(0, 'int64');
  const positions = b.op('Range', [zero, b.squeeze(length, [0]), b.scalar(1, 'int64')]);
  const angles = b.mul(
    b.unsqueeze(b.cast(positions, 'float32'), [1, 2, 3]),
    b.constant({ dtype: 'float32', shape: [1, 1, 1, D / 2], data: rotaryFrequencies(config) }),
  );

  // [T, 1, T], or [B, 1, T, 1, T] where each sequence has its own padding.
  const future = futureOf(b, positions);
  const hidden =
    attentionMask === undefined ? future : b.or(future, b.unsqueeze(b.equal(attentionMask, zero), [1, 2, 3]));
  const rows = b.mul(batch, b.ints([J]));
  return {
    split: (heads) => b.concat([length, b.mul(batch, b.ints([heads])), b.ints([D])], 0),
    grouped: b.concat([length, rows, b.ints([G * D])], 0),
    folded: b.concat([rows, b.ints([-1, D])], 0),
    foldedScores: b.concat([rows, b.ints([-1]), length], 0),
    scores: b.concat([batch, b.ints([J]), length, b.ints([G]), length], 0),
    unfolded: b.concat([rows, length, b.ints([G * D])], 0),
    merged: b.ints([-1, H * D]),
    rotateQueries: plainRotation(b, angles, D, D ** -0.5),
    rotateKeys: plainRotation(b, angles, D, 1),
    mask: b.where(hidden, b.scalar(MASKED), b.scalar(0)),
  };
}

/** [T, 1, T]: whether s lies after t. A few bytes in the file, where the table itself would be T^2 numbers. */
function futureOf(b: GraphBuilder, positions: Value): Value {
  return b.less(b.unsqueeze(positions, [1, 2]), b.unsqueeze(positions, [0, 1]));
}

/** x + attention(h) through the output projection; h is x after its norm. */
export function emitAttention(
  b: GraphBuilder,
  config: DecoderConfig,
  h_NC: Value,
  x_NC: Value,
  own: ParameterLookup,
  geometry: AttentionGeometry,
  rmsNorm: RmsNorm,
): Value {
  const { heads: H, kvHeads: J } = config;
  const shaped = (x: Value, shape: Value): Value => b.op('Reshape', [x, shape]);
  // Without groups, the shapes that fold them in and out are the ones the values have already.
  const fold = (x: Value, shape: Value): Value => (H === J ? x : shaped(x, shape));
  const byHead = (name: 'q' | 'k' | 'v', heads: number): Value => {
    const bias = config.qkvBias ? own(`self_attn.${name}_proj.bias`) : null;
    const flat = project(b, h_NC, own(`self_attn.${name}_proj.weight`), bias);
    const split = shaped(flat, geometry.split(heads));
    return config.qkNorm && name !== 'v'
      ? rmsNorm(b, split, own(`self_attn.${name}_norm.weight`), config.rmsNormEps)
      : split;
  };
  const queries = geometry.rotateQueries(byHead('q', H));
  const keys = geometry.rotateKeys(byHead('k', J));
  const foldedQueries = fold(b.transpose(fold(queries, geometry.grouped), [1, 0, 2]), geometry.folded);
  const foldedScores = b.matmul(foldedQueries, b.transpose(keys, [1, 2, 0]));
  const masked = b.add(shaped(foldedScores, geometry.scores), geometry.mask);
  const weights = shaped(b.softmax(masked, -1), geometry.foldedScores);
  const mixed = b.matmul(weights, b.transpose(byHead('v', J), [1, 0, 2]));
  const merged = shaped(b.transpose(fold(mixed, geometry.unfolded), [1, 0, 2]), geometry.merged);
  const bias = config.outputBias ? own('self_attn.o_proj.bias') : null;
  return b.add(x_NC, project(b, merged, own('self_attn.o_proj.weight'), bias));
}
