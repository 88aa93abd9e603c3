// gRPC servers and clients: plain async handlers in, DdkError out, with health, reflection, TLS, spans and metrics.
export { type Client, type ClientOptions, createClient } from './client.js';
export type { CallContext } from './context.js';
export { isLoopback, type Security, type TlsFiles } from './credentials.js';
export { type Check, type CheckResult, Health, type HealthOptions, type HealthReport } from './health.js';
export { HealthService } from './health-service.js';
export { defaultMaxMessageBytes, type ServerLimits } from './limits.js';
export { Mailbox, type MailboxOptions, streamOf } from './mailbox.js';
export type {
  AnyMethod,
  CallOptions,
  Calls,
  Implementation,
  MethodDefinition,
  ServiceDefinition,
} from './method.js';
export { outcomeFact } from './outcome-fact.js';
export { readServiceProcess, runService, type ServiceOptions, type ServiceProcess } from './run-service.js';
export { type RunningServer, type ServerSettings, type Service, service, startServer } from './server.js';
export { readServing, type Serving } from './serving.js';
export { errorFromStatus, statusFromError } from './status.js';
