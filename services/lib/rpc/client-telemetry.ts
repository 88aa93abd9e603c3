// The client's interceptor: one span a call, whose context travels in the metadata, and the call's duration.
import { InterceptingCall, type Interceptor, ListenerBuilder, RequesterBuilder, status } from '@grpc/grpc-js';
import { injectContext } from '#telemetry';
import { isRecorded, recordCall } from './call-telemetry.js';

export const clientTelemetry: Interceptor = (options, nextCall) => {
  const { path } = options.method_definition;
  if (!isRecorded(path)) return new InterceptingCall(nextCall(options));
  let cancelled = false;
  const requester = new RequesterBuilder()
    .withCancel((next) => {
      cancelled = true;
      next();
    })
    .withStart((metadata, _listener, next) => {
      const record = recordCall('client', path);
      const carrier: Record<string, string> = {};
      injectContext(carrier, record.context);
      for (const [key, value] of Object.entries(carrier)) metadata.set(key, value);
      const listener = new ListenerBuilder()
        .withOnReceiveStatus((received, deliver) => {
          // A stream whose reader has what it wants ends like this.
          const wanted = cancelled && received.code === status.CANCELLED;
          record.finish(received.code, received.details, wanted);
          deliver(received);
        })
        .build();
      next(metadata, listener);
    })
    .build();
  return new InterceptingCall(nextCall(options), requester);
};
