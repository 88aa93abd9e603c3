// What a report is made of: plain data, independent of how runs are stored.
import type { StepSummary } from './step-summary.js';

export interface ReportData {
  /** Name of the run. */
  readonly name: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** One sentence on how the run ended, or that it goes on. */
  readonly outcome?: string;
  /** What was set, in the order in which it should be read. */
  readonly settings: readonly SettingRow[];
  /** Artifacts that make the run repeatable. */
  readonly digests: readonly DigestRow[];
  readonly domains: readonly ReportDomain[];
  /** Steps applied when the final perplexities were measured; left out where those were all the steps of the run. */
  readonly measuredAtStep?: number;
  /** In order: every one, or the first, the last, and every `everyNth` between them. The last one may have been measured only. */
  readonly intervals: readonly ReportInterval[];
  /** All that were given a mixture. */
  readonly intervalsPlanned: number;
  readonly everyNth: number;
  readonly steps: StepSummary;
  /** Other runs over the same domains and validation text. */
  readonly arms: readonly ComparisonArm[];
}

export interface SettingRow {
  /** Rows of one group stand together under its name. */
  readonly group?: string;
  readonly name: string;
  readonly value: string;
}

export interface DigestRow {
  readonly name: string;
  readonly digest: string;
}

/** Perplexities are exp of the mean cross-entropy on held-out text. A number that is not known is NaN. */
export interface ReportDomain {
  readonly name: string;
  readonly teacherPerplexity: number;
  readonly startPerplexity: number;
  /** As last measured. */
  readonly finalPerplexity: number;
  /** Share of the training positions that this domain received, 0 to 1. */
  readonly trainingShare: number;
}

/** Arrays are by domain, in the order of {@link ReportData.domains}. */
export interface ReportInterval {
  readonly interval: number;
  /** Steps applied when the interval's gaps were measured. */
  readonly step: number;
  /** Student's perplexity over the teacher's. */
  readonly ratios: readonly number[];
  /** Sampling weights; empty where the interval was measured only. */
  readonly weights: readonly number[];
  readonly studentPerplexity: readonly number[];
  readonly teacherPerplexity: readonly number[];
}

export interface ComparisonArm {
  readonly name: string;
  /** As {@link ReportData.measuredAtStep}. */
  readonly measuredAtStep?: number;
  /** By domain. */
  readonly finalPerplexity: readonly number[];
}
