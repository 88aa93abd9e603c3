// The scheduler as a process of its own: settings from the environment, a data folder that it alone holds, work dispatched
// by RPC.
import { openMemoryBus } from '#bus';
import { runService } from '#rpc';
import { claimFolder, openDataStore } from '#store';
import { readConfig } from './config.js';
import { startScheduler } from './service.js';

await runService({
  name: 'scheduler',
  environment: process.env,
  readConfig,
  async start(config, { logger, lifecycle }) {
    const store = await openDataStore(config.data);
    lifecycle.defer('store', () => store.close());
    const claim = await claimFolder(config.data, 'scheduler');
    lifecycle.defer('claim', () => claim.release());
    const bus = openMemoryBus();
    lifecycle.defer('bus', () => bus.close());
    const server = await startScheduler(config, { store, bus, logger });
    await claim.announce({ schedulerAddress: server.address }).catch(async (error: unknown) => {
      await server.close();
      throw error;
    });
    return server;
  },
});
