// The rule of rotary positions, against differences.
import { test } from 'node:test';
import type { GraphBuilder, Value } from '#onnx';
import { checkGradients, fixed, normal } from '../../support/gradient-checker.js';

// Two heads of width 4, up to three positions; angles 0.5 t and 0.1 t, tables scaled by 0.7.
const width = 4;
const angles = [0, 1, 2].flatMap((t) => [0.5 * t, 0.1 * t]);

function rotated(b: GraphBuilder, x: Value, positions: Value, interleaved: 0 | 1): Value {
  const table = (of: (angle: number) => number): Value =>
    b.constant({
      dtype: 'float32',
      shape: [3, width / 2],
      data: Float32Array.from(angles, (angle) => 0.7 * of(angle)),
    });
  return b.op(
    'RotaryEmbedding',
    [x, positions, table(Math.cos), table(Math.sin)],
    { num_heads: 2, interleaved },
    { domain: 'com.microsoft' },
  );
}

// In float32: ONNX Runtime has no float64 kernel on the CPU.
for (const interleaved of [0, 1] as const) {
  test(`RotaryEmbedding of ${interleaved ? 'neighbours' : 'halves'}`, () =>
    checkGradients({
      dtype: 'float32',
      operands: [normal(2, 3, 2 * width)],
      build: (b, x) => rotated(b, x!, b.ints([0]), interleaved),
    }));
}

test('RotaryEmbedding with positions of each sequence', () =>
  checkGradients({
    dtype: 'float32',
    operands: [normal(2, 2, 2 * width), fixed({ shape: [2, 2], dtype: 'int64', values: () => [0, 1, 2, 1] })],
    build: (b, x, positions) => rotated(b, x!, positions!, 0),
  }));
