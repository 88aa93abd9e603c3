// gRPC servers and clients: plain async handlers in, DdkError out, with health, reflection, TLS, spans and metrics.
export { addressProblem, readAddress } from './address.js';
export { answerCheck, type Dependency, noAnswer } from './answer-check.js';
export { type Client, type ClientOptions, createClient } from './client.js';
export type { CallContext } from './context.js';
export { isLoopback, type Security } from './credentials.js';
export { Health } from './health.js';
export { HealthService } from './health-service.js';
export { Mailbox, streamOf } from './mailbox.js';
export type { Implementation, MethodDefinition } from './method.js';
export { outcomeFact } from './outcome-fact.js';
export { readServiceProcess, runService, type ServiceProcess } from './run-service.js';
export { type RunningServer, type ServerSettings, service, startServer } from './server.js';
export type { Serving } from './serving.js';
export { errorFromStatus, statusFromError } from './status.js';
