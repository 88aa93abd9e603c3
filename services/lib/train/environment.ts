// What decides the bits of training beside the data: equal digests are promised within one of these.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '#base';
import type { Provider } from '#runtime';
import type { StepProgram } from './program.js';

export interface TrainEnvironment {
  readonly provider: Provider;
  /** Kind of processor, e.g. its model name. */
  readonly device: string;
  readonly threads: number;
  readonly ortVersion: string;
  /** `sha256:` of the step program: it changes with the settings built into it, and with the code that builds it. */
  readonly program: string;
  readonly shapes: { readonly batch: number; readonly microBatches: number; readonly length: number };
}

export function trainEnvironment(
  { spec, bytes }: Pick<StepProgram, 'spec' | 'bytes'>,
  execution: { readonly provider: Provider; readonly threads: number; readonly deviceId?: number },
  ortVersion: string,
): TrainEnvironment {
  const { batch, microBatches, length } = spec;
  const { provider, threads, deviceId } = execution;
  return {
    provider,
    device: provider === 'cpu' ? (cpus()[0]?.model.trim() ?? process.arch) : cudaDevice(deviceId ?? 0),
    threads: threads === 0 ? availableParallelism() : threads,
    ortVersion,
    program: `sha256:${sha256Hex(bytes)}`,
    shapes: { batch, microBatches, length },
  };
}

/** The device's model as the driver tells it; its number where the driver tells nothing. */
function cudaDevice(deviceId: number): string {
  const folder = '/proc/driver/nvidia/gpus';
  try {
    const address = readdirSync(folder).sort()[deviceId] ?? '';
    const model = /^Model:\s*(.+)$/m.exec(readFileSync(join(folder, address, 'information'), 'utf8'));
    return model?.[1]?.trim() ?? `cuda:${deviceId}`;
  } catch {
    // No such folder in some containers; the name only serves to notice that a run moved to another kind of device.
    return `cuda:${deviceId}`;
  }
}

/** Sentences on what differs, for a warning that the same bits can no longer be expected. */
export function environmentDifferences(before: TrainEnvironment, now: TrainEnvironment): readonly string[] {
  const differences: string[] = [];
  for (const key of ['provider', 'device', 'threads', 'ortVersion'] as const) {
    if (before[key] !== now[key]) differences.push(`${key} was ${before[key]} and is ${now[key]}`);
  }
  for (const key of ['batch', 'microBatches', 'length'] as const) {
    const [was, is] = [before.shapes[key], now.shapes[key]];
    if (was !== is) differences.push(`${key} was ${was} and is ${is}`);
  }
  // Different shapes and settings make different programs: those have been named.
  if (differences.length === 0 && before.program !== now.program)
    differences.push(
      'the graph of a step is another one: this is another version of ddk, or has other settings',
    );
  return differences;
}
