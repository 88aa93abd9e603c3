// Between DdkError and the status of a call: the gRPC code, one sentence, and google.rpc.Status with its details in the
// trailer `grpc-status-details-bin`. The only place where error codes meet gRPC codes.
import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { DdkError, type ErrorCode, type Violation } from '#base';
import { BadRequest, ErrorInfo, RetryInfo } from '#proto/google/rpc/error_details';
import { Status } from '#proto/google/rpc/status';

const codes: Readonly<Record<ErrorCode, status>> = {
  invalid_argument: status.INVALID_ARGUMENT,
  failed_precondition: status.FAILED_PRECONDITION,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  aborted: status.ABORTED,
  unavailable: status.UNAVAILABLE,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  data_loss: status.DATA_LOSS,
  unimplemented: status.UNIMPLEMENTED,
  permission_denied: status.PERMISSION_DENIED,
  internal: status.INTERNAL,
};

/** gRPC codes that no ErrorCode maps to, and what they mean here. */
const others: ReadonlyMap<number, ErrorCode> = new Map([
  [status.UNKNOWN, 'internal'],
  [status.OUT_OF_RANGE, 'invalid_argument'],
  [status.UNAUTHENTICATED, 'permission_denied'],
]);

/** The trailer that a DdkError travels in; what did not come from a handler of ours has none. */
export const detailsKey = 'grpc-status-details-bin';
const typePrefix = 'type.googleapis.com/';
const reasonDomain = 'ddk';

// HTTP/2 peers and proxies refuse header blocks of more than 8 to 64 KiB; base64 adds a third.
const maxMessageChars = 1024;
const maxDetailBytes = 4096;

/** Suggested to callers of a server that is unavailable or full. */
const retryDelaySeconds = 1n;

/**
 * The status of a failed call. A DdkError keeps its code, sentence, violations and reason; anything else becomes
 * INTERNAL without its text, which may hold what a caller must not see.
 */
export function statusFromError(error: unknown): Pick<StatusObject, 'code' | 'details' | 'metadata'> {
  const cause = publicError(error);
  const message = headerText(cause.message);
  const code = codes[cause.code];
  const metadata = new Metadata();
  const details = Status.encode({ code, message, details: statusDetails(cause) }).finish();
  metadata.set(detailsKey, Buffer.from(details.buffer, details.byteOffset, details.byteLength));
  return { code, details: message, metadata };
}

/** The error as a caller may see it. */
function publicError(error: unknown): DdkError {
  if (error instanceof DdkError) return error;
  const known = DdkError.from(error);
  return known.code === 'internal'
    ? new DdkError('internal', 'an internal error; the log of the server has the details')
    : known;
}

/** Whether the text of the error stays on the server, so that the server has to log it. */
export function isUnexpected(error: unknown): boolean {
  return DdkError.from(error).code === 'internal';
}

function statusDetails(error: DdkError): { typeUrl: string; value: Buffer }[] {
  const details: { typeUrl: string; value: Buffer }[] = [];
  const add = (type: string, bytes: Uint8Array): void => {
    details.push({ typeUrl: typePrefix + type, value: Buffer.from(bytes) });
  };
  if (error.reason !== undefined) {
    add(
      'google.rpc.ErrorInfo',
      ErrorInfo.encode({ reason: error.reason, domain: reasonDomain, metadata: {} }).finish(),
    );
  }
  if (error.code === 'unavailable' || error.code === 'resource_exhausted') {
    add(
      'google.rpc.RetryInfo',
      RetryInfo.encode({ retryDelay: { seconds: retryDelaySeconds, nanos: 0 } }).finish(),
    );
  }
  const fieldViolations = fitting(error.violations);
  if (fieldViolations.length > 0)
    add('google.rpc.BadRequest', BadRequest.encode({ fieldViolations }).finish());
  return details;
}

/** As many violations as a header may hold; the last one tells how many were left out. */
function fitting(violations: readonly Violation[]): Violation[] {
  const kept: Violation[] = [];
  let bytes = 0;
  for (const [index, { field, description }] of violations.entries()) {
    const violation = { field: field.slice(0, 200), description: description.slice(0, 500) };
    bytes += Buffer.byteLength(violation.field) + Buffer.byteLength(violation.description) + 8;
    if (bytes > maxDetailBytes) {
      kept.push({ field: '', description: `and ${violations.length - index} more` });
      break;
    }
    kept.push(violation);
  }
  return kept;
}

/** Text that can travel in a header: bounded, and without lone surrogates, on which percent-encoding fails. */
function headerText(text: string): string {
  const bounded = text.length > maxMessageChars ? `${text.slice(0, maxMessageChars)} ...` : text;
  return bounded.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD');
}

/** The error that a failed call stands for, on the caller's side. */
export function errorFromStatus(received: { code: number; details: string; metadata?: Metadata }): DdkError {
  const encoded = received.metadata?.get(detailsKey)[0];
  if (received.code === status.CANCELLED && encoded === undefined) {
    // A connection that is cut looks like this to grpc-js. Those who cancel themselves know it without asking.
    return new DdkError('unavailable', 'the server has cut the call');
  }
  const violations: Violation[] = [];
  let reason: string | undefined;
  let message = received.details;
  if (encoded instanceof Buffer) {
    try {
      const rich = Status.decode(encoded);
      if (rich.message !== '') message = rich.message;
      for (const { typeUrl, value } of rich.details) {
        if (typeUrl === `${typePrefix}google.rpc.BadRequest`) {
          violations.push(...BadRequest.decode(value).fieldViolations);
        } else if (typeUrl === `${typePrefix}google.rpc.ErrorInfo`) {
          const info = ErrorInfo.decode(value);
          if (info.domain === reasonDomain) reason = info.reason;
        }
      }
    } catch {
      // Details that cannot be read add nothing; the code and the sentence of the status remain.
    }
  }
  return new DdkError(errorCode(received.code), message, {
    violations,
    ...(reason === undefined ? {} : { reason }),
  });
}

function errorCode(code: number): ErrorCode {
  for (const [name, value] of Object.entries(codes)) {
    if (value === code) return name as ErrorCode;
  }
  return others.get(code) ?? 'internal';
}

/** 'OK', 'NOT_FOUND', ...: the name of a gRPC code, as spans and metrics carry it. */
export function statusName(code: number): string {
  return status[code] ?? String(code);
}
