// Calls into OrtApi: by member name, with every status turned into an error and released.
import koffi from 'koffi';
import { DdkError, type ErrorCode } from '#base';
import { type Fallible, type Member, memberTable, type Release } from './api-table.js';
import { openLibrary } from './library.js';
import { callOnRunner } from './runner.js';

/** Pointers are addresses; arrays are passed as their memory, null as NULL. */
export type Argument = bigint | number | string | NodeJS.TypedArray | null;
type NativeFunction = ReturnType<ReturnType<typeof koffi.load>['func']>;

const typeOfLetter: Readonly<Record<string, string>> = {
  p: 'void *',
  s: 'str',
  i: 'int32_t',
  z: 'size_t',
  v: 'void',
  S: 'void *',
};
const bound = new Map<Member, NativeFunction>();
const addresses = new Map<Member, bigint>();

function typeOf(letter: string): string {
  const type = typeOfLetter[letter];
  if (type === undefined) throw new DdkError('internal', `unknown signature letter ${letter}`);
  return type;
}

function native(member: Member): NativeFunction {
  const known = bound.get(member);
  if (known) return known;
  const [result = '', parameters = ''] = memberTable[member][1].split(':');
  const prototype = koffi.proto(typeOf(result), [...parameters].map(typeOf));
  const made = koffi.decode(addressOfMember(member), prototype) as NativeFunction;
  bound.set(member, made);
  return made;
}

/** Calls a member that can fail. Throws a DdkError with ONNX Runtime's sentence. */
export function call(member: Fallible, ...args: readonly Argument[]): void {
  check(native(member)(...args));
}

/** Calls a member whose last parameter receives a pointer, and gives that pointer. */
export function callForPointer(member: Fallible, ...args: readonly Argument[]): bigint {
  const out = new BigUint64Array(1);
  call(member, ...args, out);
  return out[0] ?? 0n;
}

/** Calls a member whose last parameter receives a size_t. */
export function callForSize(member: Fallible, ...args: readonly Argument[]): number {
  return Number(callForPointer(member, ...args));
}

/** Releases a handle. */
export function release(member: Release, handle: bigint): void {
  native(member)(handle);
}

export function buildInfo(): string {
  return native('GetBuildInfoString')() as string;
}

/** The C string at `address`. */
export function stringAt(address: bigint): string {
  return koffi.decode.string(address);
}

/** The host memory at `address`, not copied. Valid as long as its owner keeps it. */
export function memoryAt(address: bigint, bytes: number): ArrayBuffer {
  return bytes === 0 ? new ArrayBuffer(0) : koffi.view(address, bytes);
}

/** The address of an array's first element. The array must be referenced for as long as the address is used. */
export function addressOf(array: NodeJS.TypedArray): bigint {
  return koffi.address(array);
}

// What calls in flight point to. A reference from a local variable would not do: the engine may drop it after its last
// use, before the native call has ended.
const inUse = new Set<object>();

/**
 * Calls a member that can fail on a runner thread. Arrays among `args`, and `keep`, stay referenced until it settles;
 * memory behind other addresses is the caller's to keep.
 */
export async function callAsync(
  member: Fallible,
  args: readonly (bigint | number | NodeJS.TypedArray)[],
  options: { readonly keep?: readonly object[]; readonly onEntered?: () => void } = {},
): Promise<void> {
  const references = { args, keep: options.keep };
  inUse.add(references);
  try {
    const status = await callOnRunner(
      {
        address: addressOfMember(member),
        parameters: [...memberTable[member][1].slice(2)].map(typeOf),
        args: args.map((argument) => (typeof argument === 'object' ? addressOf(argument) : argument)),
      },
      options.onEntered,
    );
    check(status);
  } finally {
    inUse.delete(references);
  }
}

function addressOfMember(member: Member): bigint {
  const known = addresses.get(member);
  if (known !== undefined) return known;
  const [index] = memberTable[member];
  const slot = openLibrary().api + BigInt(index * BigUint64Array.BYTES_PER_ELEMENT);
  const address = new BigUint64Array(koffi.view(slot, BigUint64Array.BYTES_PER_ELEMENT).slice(0))[0] ?? 0n;
  addresses.set(member, address);
  return address;
}

// OrtErrorCode of onnxruntime_error_code.h.
const codes: readonly ErrorCode[] = [
  'internal', // OK: never an error
  'internal', // FAIL
  'invalid_argument', // INVALID_ARGUMENT
  'not_found', // NO_SUCHFILE
  'not_found', // NO_MODEL
  'internal', // ENGINE_ERROR
  'internal', // RUNTIME_EXCEPTION
  'invalid_argument', // INVALID_PROTOBUF
  'failed_precondition', // MODEL_LOADED
  'unimplemented', // NOT_IMPLEMENTED
  'invalid_argument', // INVALID_GRAPH
  'unavailable', // EP_FAIL
];

/** Throws for a status that is not null, and releases it. */
function check(status: bigint | null): void {
  if (status === null || status === 0n) return;
  const code = native('GetErrorCode')(status) as number;
  const message = native('GetErrorMessage')(status) as string;
  native('ReleaseStatus')(status);
  const memory = /allocate memory|out of memory|bad_alloc/i.test(message);
  throw new DdkError(
    memory ? 'resource_exhausted' : (codes[code] ?? 'internal'),
    `ONNX Runtime: ${message}`,
    {
      reason: 'ONNX_RUNTIME',
    },
  );
}
