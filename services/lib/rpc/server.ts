// A gRPC server: services with plain async handlers, health, reflection, limits, and an orderly end.
import {
  type ServiceDefinition as GrpcServiceDefinition,
  Server,
  setLogger,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { assert, type Logger } from '#base';
import { cannotListen } from './cannot-listen.js';
import { type Security, serverCredentials } from './credentials.js';
import { toHandler } from './handlers.js';
import type { Health } from './health.js';
import { HealthService, healthHandlers } from './health-service.js';
import { type ServerLimits, serverOptions } from './limits.js';
import type { Implementation, ServiceDefinition } from './method.js';
import { serviceName } from './names.js';
import { addReflection } from './reflection.js';
import { serverTelemetry } from './server-telemetry.js';

/** A service and its handlers; made by `service()`, which checks that they fit. */
export interface Service {
  readonly definition: ServiceDefinition;
  readonly implementation: Readonly<Record<string, unknown>>;
}

export function service<D extends ServiceDefinition>(
  definition: D,
  implementation: Implementation<D>,
): Service {
  return { definition, implementation };
}

export interface ServerSettings {
  /** 'host:port'; port 0 takes a free one. */
  readonly address: string;
  readonly services: readonly Service[];
  readonly health: Health;
  readonly logger: Logger;
  readonly security?: Security;
  readonly limits?: ServerLimits;
  /** Called when the server is to end, before open calls are waited for: tells the work in hand to come to an end. */
  readonly halt?: () => void;
  /** Called once every call has ended: closes what the handlers used. Not called where the server could not be started. */
  readonly release?: () => Promise<void>;
}

export interface RunningServer {
  /** 'host:port' with the port that was taken. */
  readonly address: string;
  readonly port: number;
  /** Health says NOT_SERVING, no new calls are taken, open ones may end within the grace time, then they are cut. */
  drain(graceMs: number): Promise<void>;
  /** Cuts everything at once. */
  close(): Promise<void>;
}

/** Starts serving. Fails with `unavailable` when the address is taken or not this machine's. */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const { address, services, health, logger } = settings;
  // What grpc-js would print on standard error by itself; whatever matters of it comes back as an error.
  const own = (message: unknown): void => logger.debug({ grpc: String(message) }, 'grpc-js');
  setLogger({ error: own, info: own, debug: own });
  const credentials = await serverCredentials(address, settings.security ?? {});
  const server = new Server({ ...serverOptions(settings.limits ?? {}), interceptors: [serverTelemetry] });
  const names = services.map(({ definition }) => serviceName(definition));
  for (const { definition, implementation } of services) {
    server.addService(...handlersOf(definition, implementation, logger));
  }
  server.addService(...handlersOf(HealthService, healthHandlers(health, names), logger));
  addReflection(server, [...names, 'grpc.health.v1.Health']);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(cannotListen(address, error));
    });
  });
  const halt = (): void => {
    health.drain();
    settings.halt?.();
  };
  let released: Promise<void> | undefined;
  const end = (): Promise<void> => {
    server.forceShutdown();
    released ??= settings.release?.() ?? Promise.resolve();
    return released;
  };
  return {
    address: address.replace(/:\d+$/, `:${port}`),
    port,
    async close() {
      halt();
      await end();
    },
    async drain(graceMs) {
      halt();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(resolve, graceMs, 'late');
      });
      const shut = new Promise<'shut'>((resolve) => server.tryShutdown(() => resolve('shut')));
      const outcome = await Promise.race([shut, late]);
      clearTimeout(timer);
      if (outcome === 'late')
        logger.warn({ graceMs }, 'calls were still open after the grace time and are cut');
      await end();
    },
  };
}

function handlersOf(
  definition: ServiceDefinition,
  implementation: Readonly<Record<string, unknown>>,
  logger: Logger,
): [GrpcServiceDefinition, Record<string, UntypedHandleCall>] {
  const handlers: Record<string, UntypedHandleCall> = {};
  for (const [name, method] of Object.entries(definition)) {
    const body = implementation[name];
    assert(typeof body === 'function', `every RPC has a handler; ${method.path} has none`);
    handlers[name] = toHandler(method, body.bind(implementation), logger);
  }
  return [definition as unknown as GrpcServiceDefinition, handlers];
}
