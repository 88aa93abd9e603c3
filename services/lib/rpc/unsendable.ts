// Requests that cannot be written as messages, such as a negative number where the contract has an unsigned one: which field
// it is, found by leaving out one number after the other.
import { DdkError } from '#base';
import { methodName } from './names.js';

interface Method {
  readonly path: string;
  readonly requestSerialize: (request: unknown) => Buffer;
}

type Path = readonly (string | number)[];

/** More numbers than this are not searched: the message then names only the method. */
const maxNumbers = 200;

/** The error for a request that `cause` was thrown over; invalid_argument with a violation of the field, if one alone is wrong. */
export function unsendable(method: Method, request: unknown, cause: unknown): DdkError {
  const what = DdkError.from(cause).message;
  const field = wrongField(method, request);
  const name = methodName(method.path);
  if (field === undefined)
    return new DdkError('invalid_argument', `The request of ${name} cannot be sent: ${what}.`, { cause });
  return new DdkError('invalid_argument', `The request of ${name} cannot be sent: ${field}: ${what}.`, {
    cause,
    violations: [{ field, description: what }],
  });
}

function wrongField(method: Method, request: unknown): string | undefined {
  const numbers = numbersIn(request, [], '');
  if (numbers.length > maxNumbers) return undefined;
  return numbers.find(({ path }) => isSendable(method, without(request, path)))?.field;
}

function isSendable(method: Method, request: unknown): boolean {
  try {
    method.requestSerialize(request);
    return true;
  } catch {
    return false;
  }
}

/** Every number in a message: where it is, and its field as the contract spells it, such as targets.top_k.k. */
function numbersIn(
  value: unknown,
  path: Path,
  field: string,
): { readonly path: Path; readonly field: string }[] {
  if (typeof value === 'number' || typeof value === 'bigint') return [{ path, field }];
  if (typeof value !== 'object' || value === null) return [];
  if (ArrayBuffer.isView(value) || value instanceof Date) return [];
  if (Array.isArray(value))
    return value.flatMap((item, index) => numbersIn(item, [...path, index], `${field}[${index}]`));
  return Object.entries(value).flatMap(([key, item]) => {
    // The generated code keeps the member of a oneof under the name of its group: { group: { $case, value } }.
    if ('$case' in value && typeof value.$case === 'string')
      return key === 'value'
        ? numbersIn(item, [...path, key], field.replace(/[^.]*$/, snake(value.$case)))
        : [];
    return numbersIn(item, [...path, key], field === '' ? snake(key) : `${field}.${snake(key)}`);
  });
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A copy in which the number at `path` is 0, which every field takes. */
function without(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return typeof value === 'bigint' ? 0n : 0;
  if (Array.isArray(value)) return value.map((item, i) => (i === key ? without(item, rest) : item));
  return { ...(value as object), [key]: without((value as Record<string, unknown>)[key], rest) };
}
