// The server's interceptor: one span a call, child of the caller's, active while the handler runs, and the call's duration.
import {
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import { extractContext, withContext } from '#telemetry';
import { type CallRecord, isRecorded, recordCall } from './call-telemetry.js';
import { textMetadata } from './metadata.js';

export const serverTelemetry: ServerInterceptor = (method, call) => {
  if (!isRecorded(method.path)) return new ServerInterceptingCall(call);
  let record: CallRecord | undefined;
  // grpc-js calls the handler from within the listener, so what the handler starts inherits the context set here.
  const within = (next: () => void): void => {
    if (record === undefined) next();
    else withContext(record.context, next);
  };
  const listener = new ServerListenerBuilder()
    .withOnReceiveMetadata((metadata, next) => {
      record = recordCall('server', method.path, extractContext(textMetadata(metadata)));
      within(() => next(metadata));
    })
    .withOnReceiveMessage((message, next) => within(() => next(message)))
    .withOnReceiveHalfClose((next) => within(next))
    .withOnCancel(() => {
      const deadline = Number(call.getDeadline());
      // Statuses that grpc-js sends by itself pass no interceptor; without one the call has ended like this.
      if (Date.now() >= deadline) record?.finish(status.DEADLINE_EXCEEDED, 'the deadline has passed');
      else record?.finish(status.CANCELLED, 'the call was cancelled');
    })
    .build();
  const responder = new ResponderBuilder()
    .withStart((next) => next(listener))
    .withSendStatus((sent, next) => {
      record?.finish(sent.code ?? status.UNKNOWN, sent.details ?? '');
      next(sent);
    })
    .build();
  return new ServerInterceptingCall(call, responder);
};
