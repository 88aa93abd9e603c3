// The span and the duration of one call, whichever side sees it.
import { Metadata, status } from '@grpc/grpc-js';
import { metrics, type OpenSpan, openSpan, type RpcSpanName, type TraceContext } from '#telemetry';
import { methodName } from './names.js';
import { errorFromStatus, statusName } from './status.js';

export interface CallRecord {
  readonly context: TraceContext;
  /** Ends the span and records the duration; only the first time counts. `wanted`: this side ended it so itself. */
  finish(code: number, details: string, wanted?: boolean): void;
}

/** What a server answers for is marked as its failure; the rest is the caller's doing. */
const serverFaults: ReadonlySet<number> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/** Health checks and reflection are machinery: every probe of an orchestrator would be a span. */
export function isRecorded(path: string): boolean {
  return !path.startsWith('/grpc.');
}

export function recordCall(kind: 'server' | 'client', path: string, parent?: TraceContext): CallRecord {
  const method = methodName(path);
  const startedMs = performance.now();
  const span: OpenSpan = openSpan(
    method as RpcSpanName,
    { 'rpc.system.name': 'grpc', 'rpc.method': method },
    parent === undefined ? { kind } : { kind, parent },
  );
  let open = true;
  return {
    context: span.context,
    finish(code, details, wanted = false) {
      if (!open) return;
      open = false;
      const name = statusName(code);
      const failed = !wanted && (kind === 'server' ? serverFaults.has(code) : code !== status.OK);
      span.setAttributes({ 'rpc.response.status_code': name });
      span.end(failed ? errorFromStatus({ code, details, metadata: new Metadata() }) : undefined);
      const duration = kind === 'server' ? metrics.rpcServerCallDuration : metrics.rpcClientCallDuration;
      duration.record((performance.now() - startedMs) / 1000, {
        'rpc.system.name': 'grpc',
        'rpc.method': method,
        'rpc.response.status_code': name,
        ...(failed ? { 'error.type': name } : {}),
      });
    },
  };
}
