// The mixture over the run: one column an interval, as wide as the steps it was in force, divided by domain.
import type { Spec } from 'vega';
import { ink, seriesColour, seriesOpacity } from './palette.js';
import type { ReportInterval } from './report-data.js';

/** `lastStep`: where the last interval ends. */
export function mixturePlot(intervals: readonly ReportInterval[], lastStep: number): Spec {
  const blocks = intervals.flatMap((interval, index) => {
    const from = interval.step;
    const to = Math.max(intervals[index + 1]?.step ?? lastStep, from + 1);
    let total = 0;
    return interval.weights.map((weight, domain) => {
      const bottom = total;
      total += Number.isFinite(weight) ? weight : 0;
      return { from, to, bottom, top: total, colour: seriesColour(domain), opacity: seriesOpacity(domain) };
    });
  });
  const end = blocks.reduce((high, { to }) => Math.max(high, to), 1);
  return {
    padding: { left: 4, top: 10, bottom: 4, right: 16 },
    data: [{ name: 'blocks', values: blocks }],
    scales: [
      { name: 'x', type: 'linear', domain: [0, end], range: 'width' },
      { name: 'y', type: 'linear', domain: [0, 1], range: 'height' },
    ],
    axes: [
      { orient: 'left', scale: 'y', title: 'share of sampled windows', format: '.0%', tickCount: 5 },
      { orient: 'bottom', scale: 'x', title: 'step', format: ',d', tickCount: 7, tickMinStep: 1 },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'blocks' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'from' },
            x2: { scale: 'x', field: 'to' },
            y: { scale: 'y', field: 'bottom' },
            y2: { scale: 'y', field: 'top' },
            fill: { field: 'colour' },
            fillOpacity: { field: 'opacity' },
            stroke: { value: ink.paper.light },
            strokeWidth: { value: 1 },
          },
        },
      },
    ],
  };
}
