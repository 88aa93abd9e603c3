// Rotary positions as Hugging Face lays them out: element i turns with element i + D/2 by the angle t * theta^(-2i/D),
//   first' = first cos - second sin,  second' = second cos + first sin.
// T positions, D head width.
import type { GraphBuilder, Value } from '#onnx';
import type { DecoderConfig } from './config.js';

/** x [T, B*heads, D], turned; the same shape. */
export type Rotation = (x: Value) => Value;

/** theta^(-2i/D) for i below D/2. */
export function rotaryFrequencies(config: DecoderConfig): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: config.headDim / 2 }, (_, i) => inverseFrequency(config, i));
}

/** [T, D/2] in double precision: the tables made from it are rounded once. */
export function rotaryAngles(config: DecoderConfig, length: number): Float64Array {
  const half = config.headDim / 2;
  return Float64Array.from(
    { length: length * half },
    (_, index) => Math.floor(index / half) * inverseFrequency(config, index % half),
  );
}

/**
 * As one pass, by ONNX Runtime's own operator (CPU and CUDA): to it, the heads of all sequences are heads of one.
 * @param angles [T, D/2], from {@link rotaryAngles}
 * @param sizes.heads B*heads
 */
export function fusedRotation(
  b: GraphBuilder,
  angles: Float64Array,
  sizes: { readonly length: number; readonly heads: number; readonly scale: number },
): Rotation {
  const { length, heads, scale } = sizes;
  const half = angles.length / length;
  const table = (of: (angle: number) => number): Value =>
    b.constant({
      dtype: 'float32',
      shape: [length, half],
      data: Float32Array.from(angles, (angle) => scale * of(angle)),
    });
  const tables = [b.ints([0]), table(Math.cos), table(Math.sin)];
  return (x) => {
    const sequence = b.reshape(x, [1, length, heads * half * 2]);
    const turned = b.op(
      'RotaryEmbedding',
      [sequence, ...tables],
      { num_heads: heads },
      { domain: 'com.microsoft' },
    );
    return b.reshape(turned, [length, heads, half * 2]);
  };
}

/**
 * In standard operators, for sizes known only when the graph runs. With the halves as an axis of size 2 a rotation is
 * x * [cos, cos] + swapped(x) * [-sin, sin].
 * @param angles [T, 1, 1, D/2]
 */
export function plainRotation(b: GraphBuilder, angles: Value, width: number, scale: number): Rotation {
  const factor = b.scalar(scale);
  const sine = b.sin(angles);
  const cos = b.mul(b.cos(angles), factor);
  const sin = b.mul(b.concat([b.neg(sine), sine], 2), factor);
  return (x) => {
    const halves = b.reshape(x, [0, 0, 2, width / 2]);
    const swapped = b.gather(halves, b.ints([1, 0]), 2);
    return b.reshape(b.add(b.mul(halves, cos), b.mul(swapped, sin)), [0, 0, width]);
  };
}

function inverseFrequency(config: DecoderConfig, i: number): number {
  return config.ropeTheta ** ((-2 * i) / config.headDim);
}
