// The report of a run: one self-contained HTML file.
export { renderReport } from './render-report.js';
export type {
  ComparisonArm,
  DigestRow,
  ReportData,
  ReportDomain,
  ReportInterval,
  ReportStep,
  SettingRow,
} from './report-data.js';
