// The engine between two pieces of work: kept while the next continues exactly what it holds.
import { canonicalJson, type Logger } from '#base';
import type { Runtime } from '#runtime';
import type { ArtifactStore } from '#store';
import { spans, withSpan } from '#telemetry';
import {
  type CheckpointManifest,
  type Execution,
  environmentDifferences,
  readCheckpoint,
  restoreCheckpoint,
  type StepSpec,
  TrainEngine,
} from '#train';

/** What is loaded, for DescribeStudent. */
export interface Loaded {
  readonly runId: string;
  readonly checkpointDigest: string;
  readonly parameters: number;
  readonly stateBytes: number;
}

export class WarmEngine {
  readonly #runtime: Runtime;
  readonly #execution: Execution;
  readonly #artifacts: ArtifactStore;
  readonly #logger: Logger;
  #engine: TrainEngine | undefined;
  #programKey = '';
  /** The checkpoint whose state the engine holds; empty while it holds steps that are not committed. */
  #holds = '';
  #loaded: Loaded | undefined;

  constructor(runtime: Runtime, execution: Execution, artifacts: ArtifactStore, logger: Logger) {
    this.#runtime = runtime;
    this.#execution = execution;
    this.#artifacts = artifacts;
    this.#logger = logger;
  }

  get loaded(): Loaded | undefined {
    return this.#loaded;
  }

  /** An engine with this program, holding this checkpoint. */
  async at(
    runId: string,
    spec: StepSpec,
    checkpointDigest: string,
  ): Promise<{ readonly engine: TrainEngine; readonly manifest: CheckpointManifest }> {
    const engine = await this.#withProgram(spec);
    const warm = this.#holds === checkpointDigest;
    this.#holds = '';
    const manifest = warm
      ? await readCheckpoint(checkpointDigest, this.#artifacts)
      : await withSpan(spans.loadCheckpoint, { 'ddk.checkpoint': checkpointDigest }, () =>
          restoreCheckpoint(engine, checkpointDigest, this.#artifacts),
        );
    if (manifest.environment && !warm)
      for (const difference of environmentDifferences(manifest.environment, engine.environment))
        this.#logger.warn(
          { checkpointDigest, difference },
          'equal bits cannot be expected: the checkpoint was made elsewhere',
        );
    const sizes = engine.program.state.map(({ role, shape }) => ({
      role,
      size: shape.reduce((p, d) => p * d, 1),
    }));
    const sum = (kept: typeof sizes) => kept.reduce((total, { size }) => total + size, 0);
    this.#loaded = {
      runId,
      checkpointDigest,
      parameters: sum(sizes.filter(({ role }) => role === 'parameter')),
      stateBytes: 2 * 4 * sum(sizes),
    };
    return { engine, manifest };
  }

  /** The engine's state has just been committed under this digest. */
  committed(checkpointDigest: string): void {
    this.#holds = checkpointDigest;
    if (this.#loaded) this.#loaded = { ...this.#loaded, checkpointDigest };
  }

  async close(): Promise<void> {
    await this.#engine?.close();
    this.#engine = undefined;
    this.#programKey = '';
    this.#loaded = undefined;
  }

  async #withProgram(spec: StepSpec): Promise<TrainEngine> {
    const key = canonicalJson(spec);
    if (this.#engine && this.#programKey === key) return this.#engine;
    await this.close();
    this.#holds = '';
    this.#engine = await TrainEngine.open({ runtime: this.#runtime, spec, execution: this.#execution });
    this.#programKey = key;
    return this.#engine;
  }
}
