// Causal grouped-query attention with rotary positions. Shape letters as in decoder.ts.
import type { GraphBuilder, Value } from '#onnx';
import type { DecoderConfig } from './config.js';
import { type ParameterLookup, project, rmsNorm } from './layers.js';

/** What all layers share: target shapes for Reshape, the rotation's tables and the causal mask. */
export interface AttentionGeometry {
  /** [B, T, heads, D] */
  readonly split: (heads: number) => Value;
  /** [B, J, G*T, D]: the queries of one key-value head below each other, so that no key is ever copied for its group. */
  readonly folded: Value;
  /** [B, H, T, T] */
  readonly scores: Value;
  /** [B, J, G*T, T] */
  readonly foldedScores: Value;
  /** [B, H, T, D] */
  readonly unfolded: Value;
  /** [N, H*D] */
  readonly merged: Value;
  readonly queryRotation: Rotation;
  readonly keyRotation: Rotation;
  /** Added to the scores, broadcast to [B, H, T, T]: 0 where position t may see s, a large negative number elsewhere. */
  readonly mask: Value;
}

interface Rotation {
  /** [T, D/2] */
  readonly cos: Value;
  readonly sin: Value;
}

// Far below any real score, and finite: a row whose every key is masked then yields a uniform average instead of 0/0.
const MASKED = -1e9;

/** All sizes known: tables and mask are constants of the graph. */
export function staticGeometry(
  b: GraphBuilder,
  config: DecoderConfig,
  batch: number,
  length: number,
): AttentionGeometry {
  const { heads: H, kvHeads: J, headDim: D } = config;
  const half = D / 2;
  const table = (turn: (angle: number) => number, scale: number): Value => {
    const data = new Float32Array(length * half);
    for (let t = 0; t < length; t++) {
      for (let i = 0; i < half; i++) data[t * half + i] = scale * turn(t * inverseFrequency(config, i));
    }
    return b.constant({ dtype: 'float32', shape: [length, half], data });
  };
  const mask = new Float32Array(length * length);
  for (let t = 0; t < length; t++) mask.fill(MASKED, t * length + t + 1, (t + 1) * length);
  const scale = D ** -0.5;
  return {
    split: (heads) => b.ints([batch, length, heads, D]),
    folded: b.ints([batch, J, (H / J) * length, D]),
    scores: b.ints([batch, H, length, length]),
    foldedScores: b.ints([batch, J, (H / J) * length, length]),
    unfolded: b.ints([batch, H, length, D]),
    merged: b.ints([batch * length, H * D]),
    queryRotation: { cos: table(Math.cos, scale), sin: table(Math.sin, scale) },
    keyRotation: { cos: table(Math.cos, 1), sin: table(Math.sin, 1) },
    mask: b.constant({ dtype: 'float32', shape: [length, length], data: mask }),
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
  const shape = b.op('Shape', [inputIds]);
  const batch = b.slice(shape, 0, 0, 1);
  const length = b.slice(shape, 0, 1, 2);
  const scale = b.scalar(D ** -0.5);

  const frequencies = Float32Array.from({ length: D / 2 }, (_, i) => inverseFrequency(config, i));
  const zero = b.constant({ dtype: 'int64', shape: [], data: BigInt64Array.of(0n) });
  const one = b.constant({ dtype: 'int64', shape: [], data: BigInt64Array.of(1n) });
  const positions = b.op('Range', [zero, b.squeeze(length, [0]), one]);
  const angles = b.mul(
    b.unsqueeze(b.cast(positions, 'float32'), [1]),
    b.constant({ dtype: 'float32', shape: [1, D / 2], data: frequencies }),
  );
  const cos = b.op('Cos', [angles]);
  const sin = b.op('Sin', [angles]);

  const future = b.less(b.unsqueeze(positions, [1]), b.unsqueeze(positions, [0]));
  const hidden =
    attentionMask === undefined ? future : b.or(future, b.unsqueeze(b.equal(attentionMask, zero), [1, 2]));
  return {
    split: (heads) => b.concat([batch, length, b.ints([heads, D])], 0),
    folded: b.ints([0, J, -1, D]),
    scores: b.concat([batch, b.ints([H]), length, length], 0),
    foldedScores: b.concat([batch, b.ints([J, -1]), length], 0),
    unfolded: b.ints([0, H, -1, D]),
    merged: b.ints([-1, H * D]),
    queryRotation: { cos: b.mul(cos, scale), sin: b.mul(sin, scale) },
    keyRotation: { cos, sin },
    mask: b.where(hidden, b.scalar(MASKED), b.scalar(0)),
  };
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
  const headsFirst = (name: 'q' | 'k' | 'v', heads: number): Value => {
    const bias = config.qkvBias ? own(`self_attn.${name}_proj.bias`) : null;
    const flat = project(b, h_NC, own(`self_attn.${name}_proj.weight`), bias);
    const split_BTHD = b.op('Reshape', [flat, geometry.split(heads)]);
    const normed =
      config.qkNorm && name !== 'v'
        ? rmsNorm(b, split_BTHD, own(`self_attn.${name}_norm.weight`), config.rmsNormEps)
        : split_BTHD;
    return b.transpose(normed, [0, 2, 1, 3]);
  };
  const q_BHTD = rotate(b, headsFirst('q', H), D, geometry.queryRotation);
  const k_BJTD = rotate(b, headsFirst('k', J), D, geometry.keyRotation);
  const v_BJTD = headsFirst('v', J);

  const foldedScores = b.matmul(
    b.op('Reshape', [q_BHTD, geometry.folded]),
    b.transpose(k_BJTD, [0, 1, 3, 2]),
  );
  const scores_BHTT = b.op('Reshape', [foldedScores, geometry.scores]);
  const weights_BHTT = b.softmax(b.add(scores_BHTT, geometry.mask), -1);
  const mixed = b.matmul(b.op('Reshape', [weights_BHTT, geometry.foldedScores]), v_BJTD);
  const mixed_BTHD = b.transpose(b.op('Reshape', [mixed, geometry.unfolded]), [0, 2, 1, 3]);
  const merged = b.op('Reshape', [mixed_BTHD, geometry.merged]);
  const bias = config.outputBias ? own('self_attn.o_proj.bias') : null;
  return b.add(x_NC, project(b, merged, own('self_attn.o_proj.weight'), bias));
}

/**
 * Rotary positions as Hugging Face lays them out: element i turns with element i + D/2 by the angle t * theta^(-2i/D).
 * The queries' tables carry the factor 1/sqrt(D), which saves a pass over the scores.
 */
function rotate(b: GraphBuilder, x_BHTD: Value, width: number, { cos, sin }: Rotation): Value {
  const [first, second] = b.split(x_BHTD, 3, [width / 2, width / 2]) as [Value, Value];
  return b.concat(
    [b.sub(b.mul(first, cos), b.mul(second, sin)), b.add(b.mul(second, cos), b.mul(first, sin))],
    3,
  );
}

function inverseFrequency(config: DecoderConfig, i: number): number {
  return config.ropeTheta ** ((-2 * i) / config.headDim);
}
