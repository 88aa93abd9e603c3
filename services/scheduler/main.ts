// The scheduler as a process of its own: settings from the environment, store on disk, work dispatched by RPC.
import { openMemoryBus } from '#bus';
import { runService } from '#rpc';
import { openDataStore } from '#store';
import { readConfig } from './config.js';
import { startScheduler } from './service.js';

await runService({
  name: 'scheduler',
  environment: process.env,
  readConfig,
  async start(config, { logger, lifecycle }) {
    const store = await openDataStore(config.data);
    lifecycle.defer('store', () => store.close());
    const bus = openMemoryBus();
    lifecycle.defer('bus', () => bus.close());
    return startScheduler(config, { store, bus, logger });
  },
});
