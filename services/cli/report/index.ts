// The report of a run: one self-contained HTML file.
export { renderReport } from './render-report.js';
export type { ComparisonArm, DigestRow, ReportData, ReportInterval, SettingRow } from './report-data.js';
export { type ReportStep, StepSummary } from './step-summary.js';
