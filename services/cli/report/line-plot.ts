// Lines over steps, labelled at their ends; the form of every plot of the report but the mixture.
import type { Mark, Spec } from 'vega';
import type { Point } from './downsample.js';
import { printable } from './html.js';
import { ink, seriesColour, seriesDash } from './palette.js';
import { plotHeight } from './plot.js';
import { type Range, rangeOf, spreadLabels } from './scales.js';

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
  /** Place in the palette. */
  readonly colour: number;
}

interface LinePlotOptions {
  readonly lines: readonly Line[];
  readonly yTitle: string;
  /** d3 format of the vertical axis. */
  readonly yFormat: string;
  /** Thin vertical rules, where intervals begin. */
  readonly boundaries: readonly number[];
  /** A dashed horizontal line with a name. */
  readonly reference?: { readonly value: number; readonly name: string };
  /** Values that the vertical axis must show. */
  readonly include?: readonly number[];
  /** Dots on the points: few, each of its own importance. */
  readonly dots: boolean;
  /** The names of the lines beside their ends. */
  readonly endLabels: boolean;
}

const labelPixels = 15;
/** Height without axis labels, titles and padding. */
const drawnPixels = plotHeight - 62;
const maxEndLabels = Math.floor(drawnPixels / labelPixels);
const maxLabelPixels = 120;

export function linePlot(options: LinePlotOptions): Spec {
  const { lines, reference } = options;
  const range = rangeOf(
    lines.flatMap(({ points }) => points.flatMap(({ low, high, y }) => (options.dots ? [y] : [low, high]))),
    [...(options.include ?? []), ...(reference === undefined ? [] : [reference.value])],
  );
  const labels = options.endLabels && lines.length <= maxEndLabels ? endLabels(lines, range) : [];
  const xs = [...lines.flatMap(({ points }) => points.map(({ x }) => x)), ...options.boundaries];
  const [xLow, xHigh] = [xs.reduce((a, b) => Math.min(a, b), 0), xs.reduce((a, b) => Math.max(a, b), 1)];
  return {
    padding: { left: 4, top: 10, bottom: 4, right: 16 },
    data: [
      ...lines.map((line, index) => ({ name: `line_${index}`, values: [...line.points] })),
      { name: 'boundaries', values: options.boundaries.map((x) => ({ x })) },
      { name: 'labels', values: labels },
      {
        name: 'references',
        values: reference === undefined ? [] : [{ y: reference.value, name: reference.name }],
      },
    ],
    scales: [
      { name: 'x', type: 'linear', domain: [xLow, xHigh], range: 'width' },
      {
        name: 'y',
        type: range.kind,
        domain: [range.low, range.high],
        range: 'height',
        zero: false,
      },
    ],
    axes: [
      {
        orient: 'left',
        scale: 'y',
        title: range.kind === 'log' ? `${options.yTitle} (logarithmic)` : options.yTitle,
        format: options.yFormat,
        tickCount: 6,
      },
      { orient: 'bottom', scale: 'x', title: 'step', format: ',d', tickCount: 7, tickMinStep: 1 },
    ],
    marks: [
      boundaryRules,
      referenceRule,
      referenceName,
      ...lines.flatMap((line, i) => lineMarks(line, i, options.dots)),
      endNames,
    ],
  };
}

interface EndLabel {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly colour: string;
}

function endLabels(lines: readonly Line[], range: Range): EndLabel[] {
  const ended = lines.flatMap((line) => {
    const last = line.points.at(-1);
    return last === undefined ? [] : [{ line, last }];
  });
  const places = spreadLabels(
    ended.map(({ last }) => last.y),
    range,
    drawnPixels,
    labelPixels,
  );
  return ended.map(({ line, last }, index) => ({
    name: printable(line.name),
    x: last.x,
    y: places[index]!,
    colour: seriesColour(line.colour),
  }));
}

const boundaryRules: Mark = {
  type: 'rule',
  from: { data: 'boundaries' },
  encode: {
    enter: {
      x: { scale: 'x', field: 'x' },
      y: { value: 0 },
      y2: { field: { group: 'height' } },
      stroke: { value: ink.grid.light },
    },
  },
};

const referenceRule: Mark = {
  type: 'rule',
  from: { data: 'references' },
  encode: {
    enter: {
      x: { value: 0 },
      x2: { field: { group: 'width' } },
      y: { scale: 'y', field: 'y' },
      stroke: { value: ink.reference.light },
      strokeDash: { value: [4, 3] },
    },
  },
};

const referenceName: Mark = {
  type: 'text',
  from: { data: 'references' },
  encode: {
    enter: {
      x: { value: 6 },
      y: { scale: 'y', field: 'y', offset: -5 },
      text: { field: 'name' },
      fill: { value: ink.faint.light },
    },
  },
};

const endNames: Mark = {
  type: 'text',
  from: { data: 'labels' },
  encode: {
    enter: {
      x: { scale: 'x', field: 'x', offset: 9 },
      y: { scale: 'y', field: 'y' },
      text: { field: 'name' },
      fill: { field: 'colour' },
      baseline: { value: 'middle' },
      limit: { value: maxLabelPixels },
    },
  },
};

/** The line; where a point stands for many steps also the band between their least and greatest. */
function lineMarks(line: Line, index: number, dots: boolean): Mark[] {
  const colour = seriesColour(line.colour);
  const own = `line_${index}`;
  const x = { scale: 'x', field: 'x' };
  const y = { scale: 'y', field: 'y' };
  const banded = !dots && line.points.some(({ low, high }) => low !== high);
  const band: Mark = {
    type: 'area',
    from: { data: own },
    encode: {
      enter: {
        x,
        y: { scale: 'y', field: 'low' },
        y2: { scale: 'y', field: 'high' },
        fill: { value: colour },
        fillOpacity: { value: 0.18 },
      },
    },
  };
  const stroke: Mark = {
    type: 'line',
    from: { data: own },
    encode: {
      enter: {
        x,
        y,
        stroke: { value: colour },
        strokeWidth: { value: dots ? 2 : 1.6 },
        strokeDash: { value: [...seriesDash(line.colour)] },
        strokeJoin: { value: 'round' },
      },
    },
  };
  const dot: Mark = {
    type: 'symbol',
    from: { data: own },
    encode: {
      enter: {
        x,
        y,
        size: { value: 34 },
        fill: { value: colour },
        stroke: { value: ink.paper.light },
        strokeWidth: { value: 1 },
      },
    },
  };
  return [...(banded ? [band] : []), stroke, ...(dots ? [dot] : [])];
}
