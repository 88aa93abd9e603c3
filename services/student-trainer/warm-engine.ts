// The engine between two pieces of work: kept while the next continues exactly what it holds.
import { assert, canonicalJson, type Logger, type Report, reported } from '#base';
import type { Runtime } from '#runtime';
import type { ArtifactStore } from '#store';
import { spans, withSpan } from '#telemetry';
import {
  type CheckpointManifest,
  type Execution,
  environmentDifferences,
  openCheckpoint,
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

export interface WarmEngineOptions {
  readonly runtime: Runtime;
  readonly execution: Execution;
  readonly artifacts: ArtifactStore;
  readonly logger: Logger;
  /** Told after every piece of work in a session whether it went well. */
  readonly report: Report;
}

export class WarmEngine {
  readonly #options: WarmEngineOptions;
  #engine: TrainEngine | undefined;
  #programKey = '';
  /** The checkpoint whose state the engine holds; empty while it holds steps that are not committed. */
  #holds = '';
  #loaded: Loaded | undefined;

  constructor(options: WarmEngineOptions) {
    this.#options = options;
  }

  get loaded(): Loaded | undefined {
    return this.#loaded;
  }

  /**
   * An engine with this program, holding this checkpoint. `madeElsewhere` is told in which ways the checkpoint comes from
   * where other bits are to be expected. Throws as `openCheckpoint` does.
   */
  async at(
    runId: string,
    spec: StepSpec,
    checkpointDigest: string,
    madeElsewhere: (differences: readonly string[]) => void,
  ): Promise<{ readonly engine: TrainEngine; readonly manifest: CheckpointManifest }> {
    const { artifacts } = this.#options;
    // Before the program is compiled, which takes long and would be for nothing.
    if (this.#holds !== checkpointDigest) await openCheckpoint(checkpointDigest, artifacts, spec.config);
    const engine = await this.#withProgram(spec);
    const warm = this.#holds === checkpointDigest;
    this.#holds = '';
    const manifest = warm
      ? await readCheckpoint(checkpointDigest, artifacts)
      : await withSpan(spans.loadCheckpoint, { 'ddk.checkpoint': checkpointDigest }, () =>
          restoreCheckpoint(engine, checkpointDigest, artifacts),
        );
    if (manifest.environment && !warm) {
      const differences = environmentDifferences(manifest.environment, engine.environment);
      if (differences.length > 0) madeElsewhere(differences);
    }
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

  /**
   * A step of the engine that `at` gave. From its beginning on the engine holds what no checkpoint does, until that is
   * committed: whatever becomes of this attempt, the next one has to load what it goes on from.
   */
  step(...args: Parameters<TrainEngine['step']>): ReturnType<TrainEngine['step']> {
    assert(this.#engine !== undefined, 'a step comes after its engine');
    this.#holds = '';
    return this.#telling(this.#engine.step(...args));
  }

  /** The engine's state has just been committed under this digest. */
  committed(checkpointDigest: string): void {
    this.#holds = checkpointDigest;
    if (this.#loaded) this.#loaded = { ...this.#loaded, checkpointDigest };
  }

  /** Reports how work in the engine's session ends. A step that was computed and refused is no fault of the session. */
  #telling<T>(work: Promise<T>): Promise<T> {
    const { report } = this.#options;
    return reported(work, (error) => report(error?.reason === 'LOSS_NOT_FINITE' ? undefined : error));
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
    const { runtime, execution } = this.#options;
    this.#engine = await this.#telling(TrainEngine.open({ runtime, spec, execution }));
    this.#programKey = key;
    return this.#engine;
  }
}
