// Models on disk, with their large tensors in a file beside them.
import { createHash } from 'node:crypto';
import { open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, resolve, sep } from 'node:path';
import { DdkError, resolveInside, syncFolder, temporaryPath, writeFileDurable } from '#base';
import { type DecodeOptions, decodeModel } from './decode.js';
import { bytesOf } from './dtype.js';
import { encodeModel } from './encode.js';
import {
  type ExternalData,
  type Graph,
  isExternal,
  type Model,
  subgraphs,
  type TensorData,
  type Value,
} from './ir.js';

/** Larger than a page on every system, so that the runtime can map the file instead of copying it. */
const ALIGNMENT_BYTES = 64 * 1024;
/** Models past this get their tensors beside them even when nobody asks: a file ends at 2 GiB. */
const MAX_SELF_CONTAINED_BYTES = 1.5 * 2 ** 30;
const DEFAULT_THRESHOLD_BYTES = 1024;

export interface WriteOptions {
  /**
   * Initializers of at least this many bytes go to `<name>.data`. Unless given, everything stays inside as long as the
   * model is below 1.5 GiB, and those of 1 KiB and more go outside when it is not.
   */
  readonly externalThresholdBytes?: number;
}

/**
 * Reads a model. Weights in other files are checked (below the model's folder, also through links; there; long enough)
 * and left where they are.
 *
 * @throws DdkError not_found, or whatever {@link decodeModel} finds
 */
export async function readModel(path: string, options: DecodeOptions = {}): Promise<Model> {
  const model = decodeNamed(path, await readBytes(path, options), options);
  await checkExternalData(model, dirname(resolve(path)));
  return model;
}

function decodeNamed(path: string, bytes: Uint8Array, options: DecodeOptions): Model {
  try {
    return decodeModel(bytes, options);
  } catch (cause) {
    if (!(cause instanceof DdkError)) throw cause;
    throw new DdkError(cause.code, `${path}: ${cause.message}`, { cause });
  }
}

async function readBytes(path: string, options: DecodeOptions): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    const limit = Math.min(options.maxBytes ?? 2 ** 31 - 1, 2 ** 31 - 1);
    if (size > limit) {
      throw new DdkError(
        'invalid_argument',
        `${path} has ${size} bytes and the limit is ${limit}; keep weights in external data.`,
      );
    }
    return await readFile(path);
  } catch (error) {
    throw DdkError.from(error);
  }
}

async function checkExternalData(model: Model, folder: string): Promise<void> {
  const ends = new Map<string, number>();
  for (const { location, offset, length } of externalData(model.graph)) {
    ends.set(location, Math.max(ends.get(location) ?? 0, offset + length));
  }
  if (ends.size === 0) return;
  const home = await realpath(folder);
  for (const [location, end] of ends) {
    const path = resolveInside(folder, location);
    const real = await realpath(path).catch((cause: unknown) => {
      throw new DdkError('not_found', `The model's weights should be in ${path}, which cannot be opened.`, {
        cause,
      });
    });
    if (!real.startsWith(home.endsWith(sep) ? home : home + sep)) {
      throw new DdkError(
        'invalid_argument',
        `The model's external data "${location}" is a link that leaves the model's folder.`,
      );
    }
    const facts = await stat(real);
    if (!facts.isFile())
      throw new DdkError('invalid_argument', `The model's external data "${location}" is not a file.`);
    if (facts.size < end) {
      throw new DdkError(
        'data_loss',
        `${path} has ${facts.size} bytes and the model needs ${end}; the file is cut short.`,
      );
    }
  }
}

/** Places of all weights of a graph, its bodies included, that lie in other files. */
export function* externalData(graph: Graph): Generator<ExternalData> {
  for (const where of graph.initializers.values()) if (isExternal(where)) yield where;
  for (const node of graph.nodes) for (const body of subgraphs(node)) yield* externalData(body);
}

/**
 * Writes a model, durably: readers see the old file or the new one. A data file is named by its contents
 * (`<name>.<digest>.data`), so that the old model keeps the weights it refers to until the new one is in place.
 *
 * @throws DdkError resource_exhausted on a full disk; failed_precondition where weights lie outside the target's folder
 */
export async function writeModel(model: Model, path: string, options: WriteOptions = {}): Promise<void> {
  const total = [...model.graph.initializers.values()].reduce(
    (sum, where) => sum + (isExternal(where) ? 0 : where.data.byteLength),
    0,
  );
  const threshold =
    options.externalThresholdBytes ??
    (total > MAX_SELF_CONTAINED_BYTES ? DEFAULT_THRESHOLD_BYTES : undefined);
  await checkExternalData(model, dirname(resolve(path)));
  const written = threshold === undefined ? model : await moveOut(model, resolve(path), threshold);
  await writeFileDurable(path, encodeModel(written));
}

async function moveOut(model: Model, path: string, threshold: number): Promise<Model> {
  const initializers = new Map(model.graph.initializers);
  const large: [Value, TensorData][] = [];
  for (const [value, where] of initializers) {
    if (!isExternal(where) && where.data.byteLength >= threshold) large.push([value, where]);
  }
  if (large.length === 0) return model;
  const temporary = temporaryPath(path);
  try {
    const { digest, places } = await writeData(
      temporary,
      large.map(([, tensor]) => tensor),
    );
    const location = `${basename(path).replace(/\.onnx$/, '')}.${digest.slice(0, 16)}.data`;
    large.forEach(([value], i) => {
      initializers.set(value, { location, ...places[i]! });
    });
    await rename(temporary, resolveInside(dirname(path), location));
    await syncFolder(dirname(path));
  } catch (error) {
    // The unfinished file is litter; the reason it is unfinished is what the caller has to hear.
    await unlink(temporary).catch(() => undefined);
    throw DdkError.from(error);
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

async function writeData(
  path: string,
  tensors: readonly TensorData[],
): Promise<{ digest: string; places: { offset: number; length: number }[] }> {
  const hash = createHash('sha256');
  const places: { offset: number; length: number }[] = [];
  const file = await open(path, 'wx');
  try {
    let offset = 0;
    for (const tensor of tensors) {
      const padding = new Uint8Array(Math.ceil(offset / ALIGNMENT_BYTES) * ALIGNMENT_BYTES - offset);
      const bytes = bytesOf(tensor.data);
      for (const chunk of [padding, bytes]) {
        hash.update(chunk);
        for (let at = 0; at < chunk.length; )
          at += (await file.write(chunk, at, Math.min(chunk.length - at, 2 ** 30))).bytesWritten;
      }
      offset += padding.length;
      places.push({ offset, length: bytes.length });
      offset += bytes.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { digest: hash.digest('hex'), places };
}
