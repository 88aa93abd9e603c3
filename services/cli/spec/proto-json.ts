// A message in the JSON of protocol buffers, as grpcurl and other clients read it.
import { Divergence, MixturePolicy, RunState } from '#proto/ddk/v1/types';

/** Fields whose numbers stand for names, in all messages that are written here. */
const enums: Readonly<Record<string, readonly [prefix: string, values: Readonly<Record<string, number>>]>> = {
  policy: ['MIXTURE_POLICY', MixturePolicy],
  divergence: ['DIVERGENCE', Divergence],
  state: ['RUN_STATE', RunState],
  pausedFrom: ['RUN_STATE', RunState],
};

/** Names in camel case, enums by name, 64-bit counts as text, times in RFC 3339, a oneof as the field that is set. */
export function protoJson(message: object): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(message))
    if (isChosen(value)) fields[value.$case] = jsonValue(value.$case, value.value);
    else if (value !== undefined) fields[name] = jsonValue(name, value);
  return fields;
}

/** The same for whatever a command tells: a message, a list of them, or an object with some of them in it. */
export const jsonOf = (value: unknown): unknown => jsonValue('', value);

function jsonValue(name: string, value: unknown): unknown {
  const known = enums[name];
  switch (typeof value) {
    case 'bigint':
      return String(value);
    case 'number':
      if (known) return enumName(known, value);
      return Number.isFinite(value) ? value : String(value);
    case 'object':
      if (Array.isArray(value)) return value.map((item) => jsonValue(name, item));
      if (value instanceof Date) return value.toISOString();
      return value === null ? null : protoJson(value);
    default:
      return value;
  }
}

/** A number without a name, as of a newer version, stays a number. */
function enumName([prefix, values]: (typeof enums)[string], value: number): string | number {
  const name = Object.entries(values).find(([, number]) => number === value)?.[0];
  return name === undefined ? value : `${prefix}_${name}`;
}

/** How the generated code has a oneof. */
function isChosen(value: unknown): value is { readonly $case: string; readonly value: unknown } {
  return typeof value === 'object' && value !== null && '$case' in value;
}
