// `ddk pretrain`: a small model from scratch.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { DdkError, type Violation } from '#base';
import { describeModel, type ModelDescription } from '#model';
import type { ProviderSetting } from '#runtime';
import { pretrainModel } from '../pretrain/pretrain-model.js';
import type { PretrainSettings } from '../pretrain/settings.js';
import type { Session } from '../session.js';
import { nameAndValue, namedPaths } from '../text-option.js';

interface PretrainCommandOptions {
  readonly text: readonly string[];
  readonly weight: readonly string[];
  readonly tokenizer?: string;
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

export async function pretrain(
  session: Session,
  out: string,
  options: PretrainCommandOptions,
): Promise<void> {
  const folder = path.resolve(out);
  const taken = await stat(folder).then(
    () => true,
    () => false,
  );
  if (taken) throw new DdkError('already_exists', `${folder} exists; give another name or remove it first.`);
  const settings = settingsOf(
    options,
    options.like === undefined ? undefined : await describeModel(options.like),
  );
  await session.data.writing(() =>
    pretrainModel(session, {
      title: `training ${path.basename(folder)}`,
      out: folder,
      settings,
      provider: options.provider,
      threads: options.threads,
    }),
  );
  session.display.result(`The model is in ${folder}.`, { folder, settings });
}

/** Windows of pretraining where nobody says how long; the model takes no more. */
const usualLength = 128;

function settingsOf(options: PretrainCommandOptions, like: ModelDescription | undefined): PretrainSettings {
  const violations: Violation[] = [];
  if (like && options.tokenizer !== undefined)
    violations.push({
      field: '--tokenizer',
      description: "is the other model's with --like; give one of them",
    });
  const texts = namedPaths(options.text, violations);
  const shares = new Map<string, number>();
  for (const text of options.weight) {
    const pair = nameAndValue(text);
    if (!pair) {
      violations.push({
        field: '--weight',
        description: `${JSON.stringify(text)} is not of the form name=share`,
      });
      continue;
    }
    const [name, value] = pair;
    const share = Number(value);
    if (!(share >= 0 && Number.isFinite(share)))
      violations.push({
        field: '--weight',
        description: `the share of "${name}" must be a number, 0 or more`,
      });
    if (!texts.some((domain) => domain.name === name))
      violations.push({ field: '--weight', description: `"${name}" is no domain given with --text` });
    shares.set(name, share);
  }
  if (options.hidden % options.heads !== 0)
    violations.push({
      field: '--heads',
      description: `${options.heads} does not divide --hidden ${options.hidden}`,
    });
  if (violations.length > 0) {
    const list = violations.map((v) => `${v.field}: ${v.description}`).join('; ');
    throw new DdkError('invalid_argument', list, { violations });
  }
  return {
    domains: texts.map(({ name, paths }) => ({
      name,
      paths: paths.map((p) => path.resolve(p)),
      ...(shares.size > 0 ? { share: shares.get(name) ?? 0 } : {}),
    })),
    tokenizer: like ? like.folder : options.tokenizer,
    vocabSize: like?.config.vocabSize,
    hidden: options.hidden,
    layers: options.layers,
    heads: options.heads,
    kvHeads: options.kvHeads,
    // A multiple of 16 near 8/3 of the hidden size, as LLaMA has it.
    intermediate: options.intermediate ?? 16 * Math.round((options.hidden * 8) / 3 / 16),
    length: options.length ?? Math.min(usualLength, like?.config.maxPositions ?? usualLength),
    batch: options.batch,
    steps: options.steps,
    learningRate: options.lr,
    validationSamples: options.validation,
    seed: options.seed,
  };
}
