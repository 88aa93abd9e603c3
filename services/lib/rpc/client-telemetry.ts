// The client's interceptor: one span a call, whose context travels in the metadata, and the call's duration.
import { InterceptingCall, type Interceptor, ListenerBuilder, RequesterBuilder } from '@grpc/grpc-js';
import { injectContext } from '#telemetry';
import { isRecorded, recordCall } from './call-telemetry.js';

export const clientTelemetry: Interceptor = (options, nextCall) => {
  const { path } = options.method_definition;
  if (!isRecorded(path)) return new InterceptingCall(nextCall(options));
  const requester = new RequesterBuilder()
    .withStart((metadata, _listener, next) => {
      const record = recordCall('client', path);
      const carrier: Record<string, string> = {};
      injectContext(carrier, record.context);
      for (const [key, value] of Object.entries(carrier)) metadata.set(key, value);
      const listener = new ListenerBuilder()
        .withOnReceiveStatus((received, deliver) => {
          record.finish(received.code, received.details);
          deliver(received);
        })
        .build();
      next(metadata, listener);
    })
    .build();
  return new InterceptingCall(nextCall(options), requester);
};
