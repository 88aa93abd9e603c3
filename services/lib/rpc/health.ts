// Whether a process can do its work: named checks that are asked when somebody wants to know, and facts that a component
// reports by itself. Served as grpc.health.v1 by health-service.ts and in detail by the services' own RPCs.
import { DdkError, type Logger } from '#base';

export interface CheckResult {
  readonly name: string;
  readonly healthy: boolean;
  /** What is wrong, or a remark such as the chosen provider. */
  readonly detail: string;
}

export interface HealthReport {
  readonly serving: boolean;
  readonly checks: readonly CheckResult[];
}

/** Throws or rejects when the component cannot work; a text that it returns or resolves with is shown as a remark. */
export type Check = (signal: AbortSignal) => unknown;

export interface HealthOptions {
  readonly logger: Logger;
  /** A check whose answer is younger than this is not asked again. Default 1 s. */
  readonly maxAgeMs?: number;
  /** A check that takes longer has failed. Default 3 s. */
  readonly timeoutMs?: number;
}

interface Entry {
  readonly check: Check;
  /** Services that cannot work without it; undefined: all. */
  readonly services: readonly string[] | undefined;
  last: CheckResult | undefined;
  askedMs: number;
  /** While it is asked. */
  asking: Promise<void> | undefined;
}

function newEntry(check: Check, services: Entry['services']): Entry {
  return { check, services, last: undefined, askedMs: Number.NEGATIVE_INFINITY, asking: undefined };
}

/** The registry of a server's checks. One a process is usual; all services of a server share it. */
export class Health {
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();
  readonly #options: Required<HealthOptions>;
  #draining = false;

  constructor(options: HealthOptions) {
    this.#options = { maxAgeMs: 1_000, timeoutMs: 3_000, ...options };
  }

  /** Adds a check, or replaces the one of that name. */
  add(name: string, check: Check, options: { readonly services?: readonly string[] } = {}): void {
    this.#entries.set(name, newEntry(check, options.services));
  }

  /** Reports a fact that lasts until the next report of that name, for instance that the last scoring failed. */
  set(name: string, healthy: boolean, detail: string): void {
    const check: Check = () => {
      if (!healthy) throw new DdkError('unavailable', detail);
      return detail;
    };
    const services = this.#entries.get(name)?.services;
    this.#entries.set(name, { ...newEntry(check, services), last: { name, healthy, detail } });
    this.#changed();
  }

  /** From now on nothing is served any more: the first act of a shutdown, so that callers go elsewhere. */
  drain(): void {
    this.#draining = true;
    this.#changed();
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** The names of the checks that a service, or the whole server, stands on. */
  names(service?: string): string[] {
    return [...this.#entries].flatMap(([name, { services }]) =>
      service === undefined || services === undefined || services.includes(service) ? [name] : [],
    );
  }

  /**
   * The state of one service, or of the whole server without a name; by one of its checks alone where `only` names it. Asks
   * these checks, and no others, where their last answers are old.
   */
  async report(service?: string, only?: string): Promise<HealthReport> {
    const wanted = this.names(service).filter((name) => only === undefined || name === only);
    await Promise.all(wanted.map((name) => this.#refresh(name)));
    const checks = wanted.map(
      (name) => this.#entries.get(name)?.last ?? { name, healthy: false, detail: 'not checked yet' },
    );
    return { serving: !this.#draining && checks.every(({ healthy }) => healthy), checks };
  }

  /** Calls back after every reported change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Callers that come while a check is asked share the answer. */
  async #refresh(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined || Date.now() - entry.askedMs < this.#options.maxAgeMs) return;
    entry.asking ??= this.#ask(name, entry).finally(() => {
      entry.askedMs = Date.now();
      entry.asking = undefined;
    });
    await entry.asking;
  }

  async #ask(name: string, entry: Entry): Promise<void> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs);
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () =>
        reject(new DdkError('deadline_exceeded', `no answer within ${this.#options.timeoutMs} ms`)),
      );
    });
    let next: CheckResult;
    try {
      const remark = await Promise.race([Promise.resolve(signal).then(entry.check), late]);
      next = { name, healthy: true, detail: typeof remark === 'string' ? remark : '' };
    } catch (error) {
      next = { name, healthy: false, detail: DdkError.from(error).message };
    }
    if (entry.last?.healthy !== next.healthy && (entry.last !== undefined || !next.healthy)) {
      const level = next.healthy ? 'info' : 'warn';
      this.#options.logger[level](
        { check: name, detail: next.detail },
        `health check is ${next.healthy ? 'well' : 'failing'}`,
      );
    }
    entry.last = next;
  }
}
