// A model's weights as values of a graph: pointing into the safetensors file, or inside the model.
import { DdkError } from '#base';
import type { ParameterLookup } from '#nn';
import { type DType, dtypeBytes, type GraphBuilder, type Value } from '#onnx';
import { type WeightDtype, weightDtype } from '#safetensors';
import { locationOf, type WeightPlace, type Weights } from './weights.js';

const dtypes: Readonly<Record<WeightDtype, DType>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/**
 * Parameters whose bytes stay in the safetensors file: nothing is copied, and several sessions share the pages. Halves
 * are cast to float32 in the graph, which the runtime does once when it loads.
 *
 * @throws DdkError failed_precondition for a tensor that does not lie at a multiple of its element size, invalid_argument for
 *   one that cannot be used as float32
 */
export function externalParameters(b: GraphBuilder, weights: Weights): ParameterLookup {
  return once((name) => {
    const place = placeOf(weights, name);
    const dtype = dtypes[weightDtype(place)];
    if (place.offset % dtypeBytes(dtype) !== 0) {
      throw new DdkError(
        'failed_precondition',
        `Tensor "${name}" of ${place.file} is not aligned; save the file again with a current version of safetensors.`,
      );
    }
    const where = { location: locationOf(place), offset: place.offset, length: place.byteLength };
    return b.cast(b.initializer(name, dtype, place.shape, where), 'float32');
  });
}

/** Parameters inside the model, from values read before. */
export function innerParameters(
  b: GraphBuilder,
  weights: Weights,
  values: ReadonlyMap<string, Float32Array>,
): ParameterLookup {
  return once((name) => {
    const data = values.get(name);
    const { shape } = placeOf(weights, name);
    if (data === undefined) throw new DdkError('not_found', `Tensor "${name}" was not read.`);
    return b.constant({ dtype: 'float32', shape, data }, name);
  });
}

function placeOf(weights: Weights, name: string): WeightPlace {
  const place = weights.places.get(name);
  if (place === undefined) throw new DdkError('not_found', `${weights.where} has no tensor "${name}".`);
  return place;
}

/** A parameter that is used twice (a tied head) is one value. */
function once(make: (name: string) => Value): ParameterLookup {
  const made = new Map<string, Value>();
  return (name) => {
    const value = made.get(name) ?? make(name);
    made.set(name, value);
    return value;
  };
}
