// What training a model needs at the very least, held against the memory there is before any text is read.
import { formatBytes, formatCount, requireNone, type Violation } from '#base';
import { type DecoderConfig, parameterCount } from '#nn';
import type { PretrainSettings } from './settings.js';

const floatBytes = 4;
/** Parameters and their two moments, before a step and after it. */
const statesHeld = 3 * 2;

/** Refuses a model or a step that is larger than `memoryBytes`, with the options that make it so. */
export function requireMemory(
  config: DecoderConfig,
  { batch, length }: PretrainSettings,
  memoryBytes: number,
): void {
  const violations: Violation[] = [];
  const has = `and this machine has ${formatBytes(memoryBytes)}`;
  const parameters = parameterCount(config);
  const stateBytes = parameters * floatBytes * statesHeld;
  if (stateBytes > memoryBytes)
    violations.push({
      field: '--hidden, --layers, --intermediate',
      description: `give ${formatCount(parameters)} parameters, whose training needs ${formatBytes(stateBytes)}, ${has}; lower one of them`,
    });
  const logitBytes = batch * length * config.vocabSize * floatBytes;
  if (logitBytes > memoryBytes)
    violations.push({
      field: '--batch, --length',
      description: `give ${formatCount(batch * length)} positions a step, whose predictions alone need ${formatBytes(logitBytes)}, ${has}; lower one of them`,
    });
  requireNone(violations);
}
