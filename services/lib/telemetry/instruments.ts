// How a metric is defined: name, unit, meaning and the attributes it may carry. Nothing is recorded while telemetry is off.

import type { Meter } from '@opentelemetry/api';

export interface MetricDefinition<Attribute extends string = string> {
  readonly name: string;
  /** UCUM: `s`, `By`, `1`, or what is counted in braces. */
  readonly unit: string;
  readonly description: string;
  /** All that it may carry. Each must have few values: never ids of runs, steps, windows or artifacts. */
  readonly attributes: readonly Attribute[];
}

export interface HistogramDefinition<Attribute extends string> extends MetricDefinition<Attribute> {
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}

export type Attributes<Attribute extends string> = Readonly<Partial<Record<Attribute, string | number>>>;

/** The distribution of a quantity, e.g. a duration. */
export interface Histogram<Attribute extends string> {
  readonly kind: 'histogram';
  readonly definition: HistogramDefinition<Attribute>;
  record(value: number, attributes?: Attributes<Attribute>): void;
}

/** A sum that only grows. */
export interface Counter<Attribute extends string> {
  readonly kind: 'counter';
  readonly definition: MetricDefinition<Attribute>;
  add(value: number, attributes?: Attributes<Attribute>): void;
}

/** The last value of a quantity. */
export interface Gauge<Attribute extends string> {
  readonly kind: 'gauge';
  readonly definition: MetricDefinition<Attribute>;
  record(value: number, attributes?: Attributes<Attribute>): void;
}

type Recording = (value: number, attributes: Readonly<Record<string, string | number>>) => void;

let activeMeter: Meter | undefined;

/** The meter that all metrics go to from now on; undefined turns them off. */
export function useMeter(meter: Meter | undefined): void {
  activeMeter = meter;
}

/** Instruments belong to the meter that made them, and telemetry may start after a metric's definition was loaded. */
function recorder(make: (meter: Meter) => Recording): Recording {
  let madeBy: Meter | undefined;
  let recording: Recording | undefined;
  return (value, attributes) => {
    // One NaN would make the sum of a histogram NaN for ever.
    if (!activeMeter || !Number.isFinite(value)) return;
    if (!recording || madeBy !== activeMeter) {
      madeBy = activeMeter;
      recording = make(activeMeter);
    }
    recording(value, attributes);
  };
}

const none = {};

export function histogram<const Attribute extends string>(
  definition: HistogramDefinition<Attribute>,
): Histogram<Attribute> {
  const record = recorder((meter) => {
    const instrument = meter.createHistogram(definition.name, {
      unit: definition.unit,
      description: definition.description,
      advice: { explicitBucketBoundaries: [...definition.buckets] },
    });
    return (value, attributes) => instrument.record(value, attributes);
  });
  return {
    kind: 'histogram',
    definition,
    record: (value, attributes: Attributes<string> = none) => record(value, compact(attributes)),
  };
}

export function counter<const Attribute extends string>(
  definition: MetricDefinition<Attribute>,
): Counter<Attribute> {
  const { name, unit, description } = definition;
  const record = recorder((meter) => {
    const instrument = meter.createCounter(name, { unit, description });
    return (value, attributes) => instrument.add(value, attributes);
  });
  return {
    kind: 'counter',
    definition,
    add: (value, attributes: Attributes<string> = none) => record(value, compact(attributes)),
  };
}

export function gauge<const Attribute extends string>(
  definition: MetricDefinition<Attribute>,
): Gauge<Attribute> {
  const { name, unit, description } = definition;
  const record = recorder((meter) => {
    const instrument = meter.createGauge(name, { unit, description });
    return (value, attributes) => instrument.record(value, attributes);
  });
  return {
    kind: 'gauge',
    definition,
    record: (value, attributes: Attributes<string> = none) => record(value, compact(attributes)),
  };
}

/** With exact optional properties no member is undefined. */
function compact(attributes: Attributes<string>): Readonly<Record<string, string | number>> {
  return attributes as Readonly<Record<string, string | number>>;
}
