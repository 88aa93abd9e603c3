// grpc.health.v1 over the registry of health.ts: Check asks at once, Watch reports every change and ends when the server
// drains, so that no watcher holds a shutdown up.
import { setTimeout as delay } from 'node:timers/promises';
import { service } from 'grpc-health-check';
import { DdkError } from '#base';
import type { CallContext } from './context.js';
import type { Health } from './health.js';
import type { MethodDefinition, ServiceDefinition } from './method.js';

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

interface HealthRequest {
  readonly service: string;
}
interface HealthResponse {
  readonly status: ServingStatus;
}
interface HealthListResponse {
  readonly statuses: Record<string, HealthResponse>;
}

/** The definition that grpc-health-check loads from the public health.proto, with its types. */
export const HealthService = {
  check: service.Check as MethodDefinition<HealthRequest, HealthResponse> & {
    requestStream: false;
    responseStream: false;
  },
  watch: service.Watch as MethodDefinition<HealthRequest, HealthResponse> & {
    requestStream: false;
    responseStream: true;
  },
  list: service.List as MethodDefinition<Record<string, never>, HealthListResponse> & {
    requestStream: false;
    responseStream: false;
  },
} as const satisfies ServiceDefinition;

/** How often a watched service is asked. */
const watchIntervalMs = 2_000;

/**
 * Handlers for the server as a whole under the name '', for each of the named services, and for each single check of a
 * service under such a name as `ddk.v1.SchedulerService/store`. Who asks for one name waits for no check beside those that
 * the name stands for.
 */
export function healthHandlers(health: Health, services: readonly string[]) {
  const names = (): string[] =>
    services.flatMap((service) => [service, ...health.names(service).map((check) => `${service}/${check}`)]);
  /** Undefined for a name that stands for nothing. */
  const statusOf = async (name: string): Promise<ServingStatus | undefined> => {
    if (name !== '' && !names().includes(name)) return undefined;
    const service = services.find((known) => name === known || name.startsWith(`${known}/`));
    const check = service === undefined || name === service ? undefined : name.slice(service.length + 1);
    return (await health.report(service, check)).serving ? 'SERVING' : 'NOT_SERVING';
  };
  return {
    async check({ service: name }: HealthRequest): Promise<HealthResponse> {
      const status = await statusOf(name);
      if (status !== undefined) return { status };
      throw new DdkError(
        'not_found',
        `this server has no service ${JSON.stringify(name.slice(0, 200))}; it has ${names().join(', ')}`,
      );
    },
    async *watch({ service: name }: HealthRequest, context: CallContext): AsyncGenerator<HealthResponse> {
      let told: ServingStatus | undefined;
      while (!context.signal.aborted) {
        const changed = nextChange(health, context.signal);
        const status = (await statusOf(name)) ?? 'SERVICE_UNKNOWN';
        if (status !== told) yield { status };
        told = status;
        if (health.draining) return;
        await changed;
      }
    },
    async list(): Promise<HealthListResponse> {
      const found = ['', ...names()].map(async (name) => [name, { status: await statusOf(name) }] as const);
      const known = (await Promise.all(found)).flatMap(([name, { status }]) =>
        status === undefined ? [] : [[name, { status }] as const],
      );
      return { statuses: Object.fromEntries(known) };
    },
  };
}

/** Resolves at the next reported change, after the watch interval, or when the caller leaves. */
async function nextChange(health: Health, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const stop = (): void => done.abort();
  const forget = health.onChange(stop);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await delay(watchIntervalMs, undefined, { signal: done.signal, ref: false });
  } catch {
    // Woken before the interval was over.
  } finally {
    forget();
    signal.removeEventListener('abort', stop);
  }
}
