// What a run was given, in the words of a spec file, for the report's table of settings.
import { type CorpusManifest, openCorpus } from '#corpus';
import { Divergence, MixturePolicy, type Run, type RunSpec } from '#proto/ddk/v1/types';
import type { ArtifactStore } from '#store';
import type { SettingRow } from './report/index.js';
import type { Spec } from './spec/schema.js';

type Value = string | number | boolean | undefined;

/**
 * Every field that decides what is computed, by group.
 *
 * @param saved the spec that the run was started with, where it is still there; it alone knows the paths
 */
export async function settingRows(
  artifacts: ArtifactStore,
  run: Run,
  saved: Spec | undefined,
): Promise<SettingRow[]> {
  const { spec } = run;
  if (!spec) return [];
  const corpus = await corpusOf(artifacts, spec.corpusDigest);
  const groups: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
    models: { teacher: saved?.teacher, student: saved?.student },
    domains: Object.fromEntries((saved?.domains ?? []).map((d) => [d.name, d.paths.join(', ')])),
    corpus: {
      sequenceLength: corpus?.sequenceLength,
      // As many in every domain.
      validationSamples: corpus?.domains[0]?.validationSamples,
    },
    mixture: mixture(run, spec),
    loss: spec.objective ? { ...spec.objective, divergence: divergence(spec.objective.divergence) } : {},
    targets: targets(spec),
    optimizer: optimizer(spec),
    training: spec.training ? { ...spec.training, intervals: intervals(run, spec.training.intervals) } : {},
  };
  return Object.entries(groups).flatMap(([group, fields]) =>
    Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [{ group, name, value: String(value) }],
    ),
  );
}

async function corpusOf(artifacts: ArtifactStore, digest: string): Promise<CorpusManifest | undefined> {
  // One that is gone or damaged tells nothing, and the rest of the report stands.
  const corpus = digest === '' ? undefined : await openCorpus(digest, artifacts).catch(() => undefined);
  await corpus?.close();
  return corpus?.manifest;
}

function mixture({ domains }: Run, { mixture: given }: RunSpec): Record<string, Value> {
  if (!given) return {};
  const { policy, alpha, ratioClip, weights } = given;
  return {
    policy: nameOf(MixturePolicy, policy).toLowerCase(),
    alpha,
    // 0 is what a spec leaves out: never cut.
    ratioClip: ratioClip === 0 ? undefined : ratioClip,
    weights:
      weights.length === 0 ? undefined : weights.map((w, d) => `${domains[d]?.name ?? d}: ${w}`).join(', '),
  };
}

/** `forward` or `reverse`; of a newer version its number. */
const divergence = (value: Divergence): string => nameOf(Divergence, value).replace(/_KL$/, '').toLowerCase();

function targets({ targets: given }: RunSpec): Record<string, Value> {
  switch (given?.kind?.$case) {
    case 'dense':
      return { encoding: 'dense' };
    case 'topK':
      return { encoding: 'top_k', k: given.kind.value.k };
    case undefined:
      return {};
  }
}

function optimizer({ optimizer: given }: RunSpec): Record<string, Value> {
  if (!given) return {};
  const { peakLearningRate: learningRate, minimumLearningRate, ...others } = given;
  return { learningRate, minimumLearningRate, ...others };
}

/** Those of the spec, and those that the run was extended by. */
function intervals({ intervalsPlanned }: Run, given: number): string {
  const added = intervalsPlanned - given;
  return added > 0 ? `${given} + ${added} by extension` : String(given);
}

function nameOf(values: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(values).find(([, number]) => number === value)?.[0] ?? String(value);
}
