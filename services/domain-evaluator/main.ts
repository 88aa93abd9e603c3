// Domain-evaluator as a process of its own: settings from the environment, store on disk, work asked for by RPC.
import { runService } from '#rpc';
import { openRuntime } from '#runtime';
import { markWriting, openDataStore } from '#store';
import { readConfig } from './config.js';
import { startDomainEvaluator } from './service.js';

await runService({
  name: 'domain-evaluator',
  environment: process.env,
  readConfig,
  async start(config, { logger, lifecycle }) {
    const store = await openDataStore(config.data);
    lifecycle.defer('store', () => store.close());
    lifecycle.defer('mark', await markWriting(config.data));
    const runtime = await openRuntime(config.runtime);
    lifecycle.defer('runtime', () => runtime.close());
    return startDomainEvaluator(config, { store, runtime, logger });
  },
});
