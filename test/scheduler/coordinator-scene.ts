// Coordinators over a store and a bus in memory, and what their runs come to.
import type { TestContext } from 'node:test';
import { silentLogger, systemClock } from '#base';
import { type Bus, openMemoryBus } from '#bus';
import { openMemoryStore, type Store } from '#store';
import { decodeRunEvent, publishRunEvent, runEventSubject } from '#work';
import { Coordinator, type CoordinatorOptions } from '../../services/scheduler/coordinator.js';
import { storeRun } from '../../services/scheduler/create-run.js';
import type { RunState } from '../../services/scheduler/run-state.js';
import { RunStore } from '../../services/scheduler/run-store.js';
import { busWorkers } from '../../services/scheduler/workers.js';
import { domains, exampleSpec } from './example.js';

export interface Scene {
  readonly store: Store;
  readonly bus: Bus;
  readonly runs: RunStore;
  /** `deaf`: hears no events. */
  coordinator(options?: Partial<CoordinatorOptions>, deaf?: boolean): Promise<Coordinator>;
  create(name: string, intervals?: number): Promise<string>;
  until(runId: string, what: (state: RunState) => boolean): Promise<RunState>;
}

/** `of`: makes the scene's store of one in memory. */
export async function scene(t: TestContext, of: (store: Store) => Store = (store) => store): Promise<Scene> {
  const store = of(openMemoryStore());
  const bus = openMemoryBus();
  const runs = new RunStore(store.records, silentLogger);
  t.after(async () => {
    await bus.close();
    await store.close();
  });
  return {
    store,
    bus,
    runs,
    async coordinator(options = {}, deaf = false) {
      const coordinator = new Coordinator({
        store,
        runs,
        workers: busWorkers(bus, { outliveScheduler: false }),
        prepare: async () => domains,
        publish: (runId, event) => publishRunEvent(bus, 'ddk/scheduler', runId, event),
        clock: systemClock,
        logger: silentLogger,
        intervalMs: 10,
        ...options,
      });
      await bus.subscribe(runEventSubject('*', '>'), (message) => {
        const event = decodeRunEvent(message);
        if (!deaf && event && event.kind?.$case !== 'progress') coordinator.hint(event.runId);
      });
      await coordinator.start();
      t.after(() => coordinator.close());
      return coordinator;
    },
    async create(name, intervals = 2) {
      const spec = { ...exampleSpec({ intervals }), name };
      const run = await storeRun(store.records, runs, { requestId: name, spec, atMs: Date.now() });
      return run.state.id;
    },
    async until(runId, what) {
      const deadline = AbortSignal.timeout(5_000);
      for await (const { state } of runs.watch(runId, deadline)) if (what(state)) return state;
      const { state } = await runs.find(runId);
      throw new Error(`the run is still ${state.phase.kind} ${state.interval}`);
    },
  };
}
