// From the options of `ddk pretrain` to its settings. Every problem is named with its option, before any text is read.
import path from 'node:path';
import { requireNone, type Violation } from '#base';
import type { ModelDescription } from '#model';
import type { ProviderSetting } from '#runtime';
import { Named, pathsOf, problemsOfPaths } from '../text-option.js';
import type { PretrainSettings } from './settings.js';

export interface PretrainOptions {
  readonly text: readonly string[];
  readonly weight?: readonly string[];
  readonly tokenizer?: string;
  /** Model folder that the new model is to have the tokenizer of. */
  readonly like?: string;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads?: number;
  readonly intermediate?: number;
  readonly length?: number;
  readonly batch: number;
  readonly steps: number;
  readonly lr: number;
  readonly validation: number;
  readonly seed: number;
  readonly threads: number;
  readonly provider: ProviderSetting;
}

/** Windows where nobody says how long; the model takes no longer ones. */
const usualLength = 128;

/**
 * Throws one `invalid_argument` with a violation for each option that is wrong.
 *
 * @param like the model that `--like` names
 */
export function settingsOf(options: PretrainOptions, like?: ModelDescription): PretrainSettings {
  const domains = new Named('--text', options.text);
  const weights = new Named('--weight', options.weight ?? []);
  requireNone([
    ...domains.problems,
    ...weights.problems,
    ...problemsOfPaths(domains),
    ...problemsOfShares(weights, domains),
    ...problemsOfHeads(options),
    ...problemsOfTokenizer(options),
  ]);
  const shares = new Map(weights.pairs.map(([name, share]) => [name, Number(share)]));
  return {
    domains: domains.pairs.map(([name, paths]) => ({
      name,
      paths: pathsOf(paths).map((p) => path.resolve(p)),
      ...(shares.size > 0 ? { share: shares.get(name) ?? 0 } : {}),
    })),
    tokenizer: like?.folder ?? options.tokenizer,
    vocabSize: like?.config.vocabSize,
    hidden: options.hidden,
    layers: options.layers,
    heads: options.heads,
    kvHeads: options.kvHeads,
    // A multiple of 16 near 8/3 of the hidden size, as LLaMA has it.
    intermediate: options.intermediate ?? 16 * Math.max(1, Math.round((options.hidden * 8) / 3 / 16)),
    length: options.length ?? Math.min(usualLength, like?.config.maxPositions ?? usualLength),
    batch: options.batch,
    steps: options.steps,
    learningRate: options.lr,
    validationSamples: options.validation,
    seed: options.seed,
  };
}

function* problemsOfShares(weights: Named, domains: Named): Generator<Violation> {
  const field = '--weight';
  let sum = 0;
  for (const [name, text] of weights.pairs) {
    const share = text.trim() === '' ? Number.NaN : Number(text);
    if (share >= 0 && Number.isFinite(share)) sum += share;
    else
      yield {
        field,
        description: `must be a number from 0 for ${JSON.stringify(name)}, is ${JSON.stringify(text)}`,
      };
    if (!domains.pairs.some(([domain]) => domain === name))
      yield { field, description: `names ${JSON.stringify(name)}, which is no domain given with --text` };
  }
  if (weights.pairs.length > 0 && sum === 0)
    yield { field, description: 'must be above 0 for one domain at least' };
}

function* problemsOfHeads({ hidden, heads, kvHeads = heads }: PretrainOptions): Generator<Violation> {
  if (hidden % heads !== 0)
    yield { field: '--heads', description: `${heads} does not divide --hidden ${hidden}` };
  else if ((hidden / heads) % 2 !== 0)
    yield {
      field: '--hidden',
      description: `${hidden} over --heads ${heads} gives heads of ${hidden / heads}; it must be an even number, because rotary positions turn pairs`,
    };
  if (heads % kvHeads !== 0)
    yield { field: '--kv-heads', description: `${kvHeads} does not divide --heads ${heads}` };
}

function* problemsOfTokenizer({ tokenizer, like }: PretrainOptions): Generator<Violation> {
  if (tokenizer !== undefined && like !== undefined)
    yield { field: '--tokenizer', description: "is the other model's with --like; give one of them" };
}
