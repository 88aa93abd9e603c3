// A model's tensors where they lie: one safetensors file, or several with an index. Nothing is loaded.
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DdkError, resolveInside } from '#base';
import { readFloat32, readHeader, type TensorEntry } from '#safetensors';
import { readJson } from './json-file.js';

/** One tensor in its file. */
export interface WeightPlace extends TensorEntry {
  /** Absolute, with links resolved. */
  readonly file: string;
}

export interface Weights {
  readonly places: ReadonlyMap<string, WeightPlace>;
  /** How messages name it. */
  readonly where: string;
}

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const MAX_INDEX_BYTES = 64 * 2 ** 20;

/**
 * Opens weights.
 *
 * @param path a safetensors file, or a folder with model.safetensors or model.safetensors.index.json
 * @throws DdkError not_found or invalid_argument naming the file and the remedy
 */
export async function openWeights(path: string): Promise<Weights> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new DdkError('not_found', `There is no ${path}; give a safetensors file or a model folder.`, {
      cause,
    });
  });
  if (!found.isDirectory()) return openFiles([path], path);
  if (await exists(join(path, SINGLE))) return openFiles([join(path, SINGLE)], join(path, SINGLE));
  if (await exists(join(path, INDEX))) return openSharded(path);
  const pickled = await exists(join(path, 'pytorch_model.bin'));
  const remedy = pickled
    ? 'convert its pytorch_model.bin to safetensors'
    : `put the weights there as ${SINGLE} (or in parts with ${INDEX})`;
  throw new DdkError('not_found', `${path} has no weights: there is no ${SINGLE}; ${remedy}.`);
}

/** One parameter as float32; half-precision files are upcast exactly. */
export async function readParameter(weights: Weights, name: string): Promise<Float32Array> {
  const place = weights.places.get(name);
  if (place === undefined) throw new DdkError('not_found', `${weights.where} has no tensor "${name}".`);
  return readFloat32(place.file, place);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    // Whatever else is wrong with it is told when it is opened.
    () => false,
  );
}

async function openFiles(files: readonly string[], where: string): Promise<Weights> {
  const places = new Map<string, WeightPlace>();
  for (const file of files) {
    const { entries } = await readHeader(file);
    const real = await realpath(file);
    for (const [name, entry] of entries) {
      if (places.has(name))
        throw new DdkError(
          'invalid_argument',
          `Tensor "${name}" is in ${places.get(name)!.file} and again in ${file}.`,
        );
      places.set(name, { ...entry, file: real });
    }
  }
  return { places, where };
}

async function openSharded(folder: string): Promise<Weights> {
  const where = join(folder, INDEX);
  const map = weightMap(await readJson(where, MAX_INDEX_BYTES, 'the weights need it'), where);
  const files = [...new Set(map.values())].map((name) => resolveInside(folder, name));
  const weights = await openFiles(files, where);
  for (const [name, file] of map) {
    const place = weights.places.get(name);
    if (place === undefined)
      throw new DdkError('invalid_argument', `${where} says that "${name}" is in ${file}, and it is not.`);
  }
  return weights;
}

function weightMap(json: unknown, where: string): Map<string, string> {
  const map = typeof json === 'object' && json !== null && 'weight_map' in json ? json.weight_map : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new DdkError('invalid_argument', `${where} has no object "weight_map" from tensors to files.`);
  }
  return new Map(
    Object.entries(map).map(([name, file]: [string, unknown]) => {
      if (typeof file !== 'string')
        throw new DdkError('invalid_argument', `${where} names no file for tensor "${name}".`);
      return [name, file];
    }),
  );
}

/**
 * The folder that all of the tensors' files lie in, and a file's name in it, as external data of an ONNX graph needs it.
 *
 * @throws DdkError failed_precondition where the parts are spread over folders
 */
export function commonFolder(weights: Weights): string {
  const folders = new Set([...weights.places.values()].map(({ file }) => dirname(file)));
  const [folder] = folders;
  if (folder === undefined) throw new DdkError('invalid_argument', `${weights.where} holds no tensors.`);
  if (folders.size > 1) {
    throw new DdkError(
      'failed_precondition',
      `The parts of ${weights.where} lie in different folders (${[...folders].join(', ')}); put them in one.`,
    );
  }
  return folder;
}

export function locationOf(place: WeightPlace): string {
  return basename(place.file);
}
