// Student-trainer as a process of its own: settings from the environment, store on disk, work asked for by RPC.
import { runService } from '#rpc';
import { openRuntime } from '#runtime';
import { markWriting, openDataStore } from '#store';
import { readConfig } from './config.js';
import { startStudentTrainer } from './service.js';

await runService({
  name: 'student-trainer',
  environment: process.env,
  readConfig,
  async start(config, { logger, lifecycle }) {
    const store = await openDataStore(config.data);
    lifecycle.defer('store', () => store.close());
    lifecycle.defer('mark', await markWriting(config.data));
    const runtime = await openRuntime('c-api');
    lifecycle.defer('runtime', () => runtime.close());
    return startStudentTrainer(config, { store, runtime, logger });
  },
});
