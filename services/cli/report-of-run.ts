// A run as the report takes it.

import { MixturePolicy, type Run, type StepMetrics } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import { readCheckpoint } from '#train';
import { lastMeasured, runLine, shareOfTraining } from './display/describe-run.js';
import { toJson } from './display/json.js';
import type { DigestRow, ReportData, SettingRow } from './report/index.js';
import { stepMetrics } from './run-records.js';

const ppl = (loss: number | undefined): number => (loss === undefined ? Number.NaN : Math.exp(loss));

export async function reportData(store: Store, run: Run, arms: readonly Run[]): Promise<ReportData> {
  const steps = await stepMetrics(store, run);
  const last = lastMeasured(run);
  const first = run.intervals.find((i) => i.gaps.length > 0);
  return {
    name: run.spec?.name ?? run.id,
    createdAt: run.createdAt?.toISOString() ?? '',
    outcome: runLine(run),
    settings: settingRows(run),
    digests: await digestRows(store, run),
    domains: run.domains.map((domain, d) => ({
      name: domain.name,
      teacherPerplexity: ppl(last?.gaps[d]?.teacherLoss),
      startPerplexity: ppl(first?.gaps[d]?.studentLoss),
      finalPerplexity: ppl(last?.gaps[d]?.studentLoss),
      trainingShare: shareOfTraining(run, d),
    })),
    intervals: run.intervals
      .filter((i) => i.gaps.length > 0)
      .map((i) => ({
        interval: i.index,
        step: i.firstStep,
        ratios: i.gaps.map((g) => g.ratio),
        weights: i.weights,
        studentPerplexity: i.gaps.map((g) => ppl(g.studentLoss)),
        teacherPerplexity: i.gaps.map((g) => ppl(g.teacherLoss)),
      })),
    steps: steps.map((s) => reportStep(s, (run.spec?.objective?.gamma ?? 0) > 0)),
    arms: arms.map((arm) => ({
      name: arm.spec?.name ?? arm.id,
      finalPerplexity: arm.domains.map((_, d) => ppl(lastMeasured(arm)?.gaps[d]?.studentLoss)),
    })),
  };
}

function reportStep(s: StepMetrics, asked: boolean) {
  return {
    step: s.step,
    loss: s.loss,
    ce: s.crossEntropy,
    kl: asked ? s.kl : Number.NaN,
    gradientNorm: s.gradientNorm,
    tokensPerSecond: (1000 * Number(s.tokens)) / (s.durationMs + s.teacherWaitMs),
    learningRate: s.learningRate,
  };
}

/** Every field of the spec that decides what is computed, by group. */
function settingRows({ spec }: Run): SettingRow[] {
  if (!spec) return [];
  const rows: SettingRow[] = [];
  const policy = Object.entries(MixturePolicy).find(([, value]) => value === spec.mixture?.policy)?.[0];
  const groups = {
    mixture: { ...spec.mixture, policy: policy?.toLowerCase() },
    objective: spec.objective,
    targets: { encoding: spec.targets?.kind?.$case, ...spec.targets?.kind?.value },
    optimizer: spec.optimizer,
    training: spec.training,
  };
  for (const [group, fields] of Object.entries(groups))
    for (const [name, value] of Object.entries(fields ?? {}))
      if (value !== undefined && !(Array.isArray(value) && value.length === 0))
        rows.push({ group, name, value: typeof value === 'object' ? toJson(value) : String(value) });
  return rows;
}

async function digestRows(store: Store, run: Run): Promise<DigestRow[]> {
  const rows: DigestRow[] = [
    { name: 'corpus', digest: run.spec?.corpusDigest ?? '' },
    { name: 'teacher', digest: run.spec?.teacherFingerprint ?? '' },
    { name: 'student', digest: run.spec?.studentDigest ?? '' },
    { name: 'start checkpoint', digest: run.spec?.baseCheckpointDigest ?? '' },
    { name: 'last checkpoint', digest: run.checkpointDigest },
    { name: 'export', digest: run.exportDigest },
  ];
  if (run.checkpointDigest !== '') {
    const { weightsDigest, environment } = await readCheckpoint(run.checkpointDigest, store.artifacts);
    rows.push({ name: 'weights', digest: weightsDigest });
    if (environment) {
      const { provider, device, threads, ortVersion } = environment;
      rows.push({
        name: 'made on',
        digest: `${provider}, ${device}, ${threads} threads, ONNX Runtime ${ortVersion}`,
      });
    }
  }
  return rows.filter(({ digest }) => digest !== '');
}
