// Whether the tensors of a model are those its configuration asks for.
import { DdkError, type Violation } from '#base';
import { type DecoderConfig, decoderParameters } from '#nn';
import type { Weights } from './weights.js';

const FLOATS = ['F32', 'F16', 'BF16'];
/** Problems named in a message; the rest is counted. All are in the error's violations. */
const MAX_NAMED = 5;

/** Tensors that checkpoints carry although they follow from the configuration. */
function isDerived(name: string, config: DecoderConfig): boolean {
  return (config.tieEmbeddings && name === 'lm_head.weight') || name.endsWith('.rotary_emb.inv_freq');
}

/** One violation for each tensor that is missing, odd or too many. */
export function weightProblems(
  config: DecoderConfig,
  weights: Weights,
  dtypes: readonly string[] = FLOATS,
): Violation[] {
  const problems: Violation[] = [];
  const problem = (field: string, description: string): void => {
    problems.push({ field, description: `${field} ${description}` });
  };
  const specs = new Map(decoderParameters(config).map((spec) => [spec.name, spec]));
  for (const [name, { shape }] of specs) {
    const place = weights.places.get(name);
    if (place === undefined) {
      const hint =
        name === 'lm_head.weight' ? ' (set tie_word_embeddings to true if it shares the embedding)' : '';
      problem(name, `is missing${hint}`);
    } else if (place.shape.join() !== shape.join()) {
      problem(name, `is [${place.shape.join(', ')}] and config.json asks for [${shape.join(', ')}]`);
    } else if (!dtypes.includes(place.dtype)) {
      problem(name, `holds ${place.dtype} and only ${dtypes.join(', ')} can be used`);
    }
  }
  for (const name of weights.places.keys()) {
    if (!specs.has(name) && !isDerived(name, config))
      problem(name, 'is a tensor that this architecture does not have');
  }
  return problems;
}

/** @throws DdkError failed_precondition with the problems as violations */
export function checkWeights(config: DecoderConfig, weights: Weights): void {
  const problems = weightProblems(config, weights);
  if (problems.length === 0) return;
  const named = problems.slice(0, MAX_NAMED).map(({ description }) => description);
  const more = problems.length > MAX_NAMED ? `; and ${problems.length - MAX_NAMED} more` : '';
  throw new DdkError(
    'failed_precondition',
    `${weights.where} does not fit its config.json: ${named.join('; ')}${more}.`,
    { violations: problems },
  );
}
