// Teacher-scoring as a service: model, sessions and server put together, for a process of its own and the embedded mode.
import { assert, type Logger } from '#base';
import { type ModelFolder, openModel } from '#model';
import { parameterCount } from '#nn';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { Provider } from '#proto/ddk/v1/types';
import { Health, outcomeFact, type RunningServer, service, startServer } from '#rpc';
import { chooseProvider, type Runtime } from '#runtime';
import type { TeacherScoringConfig } from './config.js';
import { type ModelDescription, teacherHandlers } from './handlers.js';
import { createScorer } from './scorer.js';
import type { ScoringLimits } from './scoring-request.js';
import { maximumRows, openSessions } from './sessions.js';

export interface TeacherScoringDependencies {
  readonly runtime: Runtime;
  readonly logger: Logger;
}

/** float32 logits of one message: what a session needs beside weights and activations. */
const maxLogitsBytes = 512 * 1024 * 1024;
const maxPositions = 8192;

/** Loads the model, scores a token with it, and starts serving. */
export async function startTeacherScoring(
  config: TeacherScoringConfig,
  { runtime, logger }: TeacherScoringDependencies,
): Promise<RunningServer> {
  const { device, threads, security } = config;
  const model = await openModel(config.model);
  const { provider, why } = chooseProvider(config.provider);
  const limits = limitsOf(model);

  const health = new Health({ logger });
  const report = outcomeFact(health, 'session', `${provider}: ${why}`);
  const sessions = openSessions({ model, runtime, provider, device, threads, logger });
  const scorer = createScorer({ sessions, vocabSize: limits.vocabSize, report });
  try {
    // A model that cannot be run is found now and not when the first caller comes.
    const probe = { output: { kind: 'label_log_probs' }, length: 1 } as const;
    const { payload } = await scorer.score(probe, 1, Int32Array.of(0, 0));
    assert(payload.byteLength === 4, 'one position has one log-probability');

    const description = describe(model, limits, {
      provider: provider === 'cuda' ? Provider.CUDA : Provider.CPU,
      providerReason: why,
      runtimeVersion: runtime.version,
    });
    const server = await startServer({
      address: config.listen,
      services: [
        service(TeacherScoringServiceService, teacherHandlers({ scorer, limits, description, health })),
      ],
      health,
      logger,
      security,
      release: () => scorer.close(),
    });
    const { fingerprint, folder } = model;
    logger.info(
      { address: server.address, model: folder, fingerprint, provider, why },
      'the teacher is served',
    );
    return server;
  } catch (error) {
    await scorer.close();
    throw error;
  }
}

function limitsOf({ config, fingerprint }: ModelFolder): ScoringLimits {
  const byMemory = Math.floor(maxLogitsBytes / (4 * config.vocabSize));
  return {
    fingerprint,
    vocabSize: config.vocabSize,
    maximumLength: config.maxPositions,
    maximumRows,
    // One window of any length that the model takes must always fit.
    maximumPositions: Math.max(config.maxPositions, Math.min(maxPositions, byMemory)),
  };
}

function describe(
  { config, tokenizer }: ModelFolder,
  limits: ScoringLimits,
  where: Pick<ModelDescription, 'provider' | 'providerReason' | 'runtimeVersion'>,
): ModelDescription {
  return {
    fingerprint: limits.fingerprint,
    vocabularySize: limits.vocabSize,
    maximumLength: limits.maximumLength,
    tokenizerFingerprint: tokenizer.fingerprint,
    precision: 'float32',
    parameters: BigInt(parameterCount(config)),
    maximumRows: limits.maximumRows,
    maximumPositions: limits.maximumPositions,
    ...where,
  };
}
