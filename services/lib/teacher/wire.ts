// The bytes of windows and of log-probabilities on the wire, and how windows are cut into messages.
import { endianness } from 'node:os';
import { assert, DdkError } from '#base';

/** A message's answer should not be larger: far from the limit of 8 MiB, and small enough to flow steadily. */
const payloadBytesPerMessage = 4 * 1024 * 1024;

/** Predicted positions that a message should carry: enough to fill a session's run, few enough to keep a pipe of them. */
const positionsPerMessage = 1024;

// Typed arrays have the machine's byte order, and every machine that ONNX Runtime supports is little-endian.
assert(endianness() === 'LE', 'this machine is little-endian');

/**
 * Rows a message for `rows` windows of `length` predicted positions with `bytesPerPosition` in the answer. All messages of a step have the same number, the
 * last one padded, because the shape a window is scored in may decide the last bit of its targets.
 */
export function rowsPerMessage(
  rows: number,
  length: number,
  bytesPerPosition: number,
  limits: { readonly maximumRows: number; readonly maximumPositions: number },
): number {
  const wanted = Math.min(positionsPerMessage, payloadBytesPerMessage / bytesPerPosition);
  const most = Math.min(
    limits.maximumRows,
    Math.floor(limits.maximumPositions / length),
    Math.max(1, Math.floor(wanted / length)),
  );
  if (most < 1) {
    throw new DdkError(
      'invalid_argument',
      `The teacher takes ${limits.maximumPositions} positions a message, but one window has ${length}.`,
    );
  }
  return Math.ceil(rows / Math.ceil(rows / most));
}

/** Rows of T + 1 ids as int32, little-endian; repeats the last row up to `rows`. */
export function encodeTokenIds(windows: readonly { readonly ids: Int32Array }[], rows: number): Buffer {
  const width = windows[0]?.ids.length ?? 0;
  const ids = new Int32Array(rows * width);
  for (let row = 0; row < rows; row += 1) {
    const window = windows[Math.min(row, windows.length - 1)];
    assert(window?.ids.length === width, 'the windows of a message have one length');
    ids.set(window.ids, row * width);
  }
  return Buffer.from(ids.buffer);
}

/** Float32 values of a payload, wherever in memory it starts. data_loss: another number of bytes than 4 a value. */
export function decodeFloat32(payload: Uint8Array, count: number): Float32Array {
  if (payload.byteLength !== 4 * count) {
    throw new DdkError(
      'data_loss',
      `${count} log-probabilities need ${4 * count} bytes, but ${payload.byteLength} came.`,
    );
  }
  const values = new Float32Array(count);
  new Uint8Array(values.buffer).set(payload);
  return values;
}
