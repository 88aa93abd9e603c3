// Causal grouped-query attention with rotary positions. Shape letters as in decoder.ts.
import type { GraphBuilder, Value } from '#onnx';
import type { DecoderConfig } from './config.js';
import { type ParameterLookup, project, rmsNorm } from './layers.js';

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
  readonly queryRotation: Rotation;
  readonly keyRotation: Rotation;
  /** Added to the scores: 0 where position t may see s, a large negative number elsewhere. */
  readonly mask: Value;
}

/**
 * [T, B*heads, 2, D/2], or [T, 1, 2, D/2]. Repeated where all layers share it, because products of equal shapes are twice
 * as fast as short broadcasts.
 */
interface Rotation {
  readonly cos: Value;
  /** Negative in the first half. */
  readonly sin: Value;
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
  const half = D / 2;
  const G = H / J;
  const rotation = (heads: number, scale: number): Rotation => {
    const cos = new Float32Array(length * D);
    const sin = new Float32Array(length * D);
    for (let t = 0; t < length; t++) {
      for (let i = 0; i < half; i++) {
        const angle = t * inverseFrequency(config, i);
        cos[t * D + i] = scale * Math.cos(angle);
        cos[t * D + half + i] = scale * Math.cos(angle);
        sin[t * D + i] = -scale * Math.sin(angle);
        sin[t * D + half + i] = scale * Math.sin(angle);
      }
    }
    const repeated = (data: Float32Array): Value =>
      b.expand(b.constant({ dtype: 'float32', shape: [length, 1, 2, half], data }), [
        length,
        batch * heads,
        2,
        half,
      ]);
    return { cos: repeated(cos), sin: repeated(sin) };
  };
  const positions = b.ints(Array.from({ length }, (_, t) => t));
  return {
    split: (heads) => b.ints([length, batch * heads, D]),
    grouped: b.ints([length, batch * J, G * D]),
    folded: b.ints([batch * J, length * G, D]),
    foldedScores: b.ints([batch * J, length * G, length]),
    scores: b.ints([batch * J, length, G, length]),
    unfolded: b.ints([batch * J, length, G * D]),
    merged: b.ints([length * batch, H * D]),
    queryRotation: rotation(H, D ** -0.5),
    keyRotation: rotation(J, 1),
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
  const scale = b.scalar(D ** -0.5);

  const frequencies = Float32Array.from({ length: D / 2 }, (_, i) => inverseFrequency(config, i));
  const zero = b.scalar(0, 'int64');
  const positions = b.op('Range', [zero, b.squeeze(length, [0]), b.scalar(1, 'int64')]);
  const angles = b.mul(
    b.unsqueeze(b.cast(positions, 'float32'), [1, 2, 3]),
    b.constant({ dtype: 'float32', shape: [1, 1, 1, D / 2], data: frequencies }),
  );
  const cos = b.cos(angles);
  const sine = b.sin(angles);
  const sin = b.concat([b.neg(sine), sine], 2);

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
    // A single pass over the ids does not pay for repeating the tables: here they broadcast.
    queryRotation: { cos: b.mul(cos, scale), sin: b.mul(sin, scale) },
    keyRotation: { cos, sin },
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
): Value {
  const { heads: H, kvHeads: J, headDim: D } = config;
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
  const queries = rotate(b, byHead('q', H), D, geometry.queryRotation);
  const keys = rotate(b, byHead('k', J), D, geometry.keyRotation);
  const foldedQueries = fold(b.transpose(fold(queries, geometry.grouped), [1, 0, 2]), geometry.folded);
  const foldedScores = b.matmul(foldedQueries, b.transpose(keys, [1, 2, 0]));
  const masked = b.add(shaped(foldedScores, geometry.scores), geometry.mask);
  const weights = shaped(b.softmax(masked, -1), geometry.foldedScores);
  const mixed = b.matmul(weights, b.transpose(byHead('v', J), [1, 0, 2]));
  const merged = shaped(b.transpose(fold(mixed, geometry.unfolded), [1, 0, 2]), geometry.merged);
  const bias = config.outputBias ? own('self_attn.o_proj.bias') : null;
  return b.add(x_NC, project(b, merged, own('self_attn.o_proj.weight'), bias));
}

/**
 * Rotary positions as Hugging Face lays them out: element i turns with element i + D/2 by the angle t * theta^(-2i/D),
 *   first' = first cos - second sin,  second' = second cos + first sin.
 * With the halves as an axis of size 2 this is x * [cos, cos] + swapped(x) * [-sin, sin]: four passes.
 * The queries' tables carry the factor 1/sqrt(D), which saves a pass over the scores.
 */
function rotate(b: GraphBuilder, x: Value, width: number, { cos, sin }: Rotation): Value {
  const halves = b.reshape(x, [0, 0, 2, width / 2]);
  const swapped = b.gather(halves, b.ints([1, 0]), 2);
  return b.reshape(b.add(b.mul(halves, cos), b.mul(swapped, sin)), [0, 0, width]);
}

function inverseFrequency(config: DecoderConfig, i: number): number {
  return config.ropeTheta ** ((-2 * i) / config.headDim);
}
