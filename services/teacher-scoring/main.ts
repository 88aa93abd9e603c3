// Teacher-scoring as a process of its own: settings from the environment, one model, one address.
import { runService } from '#rpc';
import { openRuntime } from '#runtime';
import { readConfig } from './config.js';
import { startTeacherScoring } from './service.js';

await runService({
  name: 'teacher-scoring',
  environment: process.env,
  readConfig,
  async start(config, { logger, lifecycle }) {
    const runtime = await openRuntime(config.runtime);
    lifecycle.defer('runtime', () => runtime.close());
    return startTeacherScoring(config, { runtime, logger });
  },
});
