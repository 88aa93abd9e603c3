// Checks what a caller feeds into a session, in sentences that name the input; the same for every implementation.
import { DdkError } from '#base';
import { carries, elementCount, type TensorData } from '#onnx';
import type { TensorInfo } from './types.js';

type Feeds = Readonly<Record<string, TensorData>>;

/** Throws `invalid_argument` for a missing or unknown input, or one whose type, shape or length does not fit. */
export function checkFeeds(inputs: readonly TensorInfo[], feeds: Feeds): void {
  const known = new Map(inputs.map((input) => [input.name, input]));
  for (const name of Object.keys(feeds)) {
    if (!known.has(name)) throw invalid(`the model has no input ${name}; its inputs are ${list(inputs)}`);
  }
  for (const input of inputs) {
    const fed = feeds[input.name];
    if (!fed) throw invalid(`input ${input.name} is missing; the model's inputs are ${list(inputs)}`);
    checkTensor(`input ${input.name}`, input, fed);
  }
}

/** Throws `invalid_argument` unless `shape` and `dtype` are what `expected` declares. */
export function checkTensor(
  what: string,
  expected: TensorInfo,
  given: Omit<TensorData, 'data'> & { data?: TensorData['data'] },
): void {
  const { dtype, shape, data } = given;
  if (dtype !== expected.dtype) throw invalid(`${what} is ${dtype}, the model takes ${expected.dtype}`);
  const fits =
    shape.length === expected.shape.length &&
    expected.shape.every((dim, axis) => typeof dim === 'string' || dim === shape[axis]) &&
    shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
  if (!fits) throw invalid(`${what} has shape [${shape}], the model takes [${expected.shape}]`);
  if (data === undefined) return;
  if (!carries(dtype, data)) throw invalid(`${what} is ${dtype} but its data is a ${data.constructor.name}`);
  if (data.length !== elementCount(shape)) {
    throw invalid(`${what} has ${data.length} elements, its shape [${shape}] needs ${elementCount(shape)}`);
  }
}

/** The outputs to compute: all, or the named ones. Throws `invalid_argument` for an unknown name. */
export function wantedOutputs(
  outputs: readonly TensorInfo[],
  names: readonly string[] | undefined,
): readonly string[] {
  if (!names) return outputs.map((output) => output.name);
  for (const name of names) {
    if (!outputs.some((output) => output.name === name)) {
      throw invalid(`the model has no output ${name}; its outputs are ${list(outputs)}`);
    }
  }
  return names;
}

/** What to throw for a model that takes or gives sequences, maps or optional values. */
export function notATensor(side: 'input' | 'output', name: string): DdkError {
  return new DdkError(
    'invalid_argument',
    `the model's ${side} ${name} is not a tensor; only models whose inputs and outputs are all tensors can be run`,
  );
}

function list(infos: readonly TensorInfo[]): string {
  const shown = infos.slice(0, 20).map((info) => info.name);
  return shown.join(', ') + (infos.length > shown.length ? ` and ${infos.length - shown.length} more` : '');
}

function invalid(message: string): DdkError {
  return new DdkError('invalid_argument', message);
}
