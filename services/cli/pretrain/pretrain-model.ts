// A model from scratch: cross-entropy over a corpus, with the trainer's engine, sampler and checkpoints.
import { totalmem } from 'node:os';
import { canonicalJson, failpoint, formatCount, inGroups, sha256Hex, silentLogger, systemClock } from '#base';
import { type Corpus, type Cursors, initialCursors, openCorpus, planStep } from '#corpus';
import { saveModel } from '#model';
import {
  type DecoderConfig,
  decoderParameters,
  initialParameter,
  learningRate,
  parameterCount,
  parseDecoderConfig,
} from '#nn';
import { chooseProvider, openRuntime, type ProviderSetting } from '#runtime';
import type { Store } from '#store';
import { restoreCheckpoint, SupersededCheckpoints, saveCheckpoint, TrainEngine } from '#train';
import { prepareCorpus } from '../prepare-corpus.js';
import type { Session } from '../session.js';
import { writingTo } from '../user-path.js';
import { inOptions, textInOptions, trainedElsewhere } from './in-options.js';
import { requireMemory } from './requirements.js';
import type { PretrainSettings } from './settings.js';
import { tokenizerFor } from './tokenizer-for.js';

interface PretrainOptions {
  readonly title: string;
  /** Model folder to write; must not exist. */
  readonly out: string;
  readonly settings: PretrainSettings;
  readonly provider: ProviderSetting;
  /** 0 = all cores. */
  readonly threads: number;
}

const commitEveryMs = 10_000;
/** Windows of a step that are read at once. */
const windowsAtOnce = 256;

/** Trains and writes the model. Interrupted and called again with the same settings, it continues. */
export async function pretrainModel(session: Session, options: PretrainOptions): Promise<void> {
  const { data, display, signal } = session;
  const { settings, title } = options;
  const tokenizer = await tokenizerFor(settings, data.root);
  const config = configOf(settings, tokenizer);
  const { provider } = chooseProvider(options.provider);
  if (provider === 'cpu') requireMemory(config, settings, totalmem());
  const corpusSettings = {
    domains: settings.domains.map(({ name, paths }) => ({ name, paths })),
    tokenizerPath: tokenizer.file,
    sequenceLength: settings.length,
    validationSamples: settings.validationSamples,
    seed: settings.seed,
  };
  const { digest } = await prepareCorpus(corpusSettings, { store: data.store, display, signal }).catch(
    (error: unknown) => {
      throw textInOptions(error);
    },
  );
  const runtime = await openRuntime('c-api');
  const corpus = await openCorpus(digest, data.store.artifacts);
  try {
    const engine = await TrainEngine.open({
      runtime,
      spec: {
        config,
        batch: settings.batch,
        microBatches: 1,
        length: settings.length,
        targets: { kind: 'none' },
        objective: { gamma: 0, temperature: 1, temperatureSquared: false, direction: 'forward' },
        optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 },
      },
      execution: { provider, threads: options.threads },
    });
    try {
      const { seed: _seed, ...shape } = settings;
      const key = `pretrain/${sha256Hex(canonicalJson({ ...shape, seed: settings.seed, digest }))}`;
      await new Pretraining({ session, engine, corpus, settings, config, key, title }).run();
      const { out } = options;
      await writingTo(
        { path: out, cannot: 'be written', remedy: 'mend that, then give the same command again' },
        () =>
          saveModel({
            folder: out,
            config,
            tokenizer: tokenizer.content,
            parameter: (name) => engine.parameter(name),
          }),
      );
    } finally {
      await engine.close();
    }
  } finally {
    await corpus.close();
    await runtime.close();
  }
}

interface Parts {
  readonly session: Session;
  readonly engine: TrainEngine;
  readonly corpus: Corpus;
  readonly settings: PretrainSettings;
  readonly config: DecoderConfig;
  /** Record of the last checkpoint. */
  readonly key: string;
  readonly title: string;
}

class Pretraining {
  readonly #parts: Parts;
  readonly #store: Store;
  #cursors: Cursors;
  readonly #superseded: SupersededCheckpoints;
  /** Of the record; 0 before there is one. */
  #revision = 0;
  /** What the record names. */
  #committed = '';

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#store = parts.session.data.store;
    this.#superseded = new SupersededCheckpoints({
      store: this.#store,
      clock: systemClock,
      logger: silentLogger,
    });
    this.#cursors = initialCursors(parts.corpus.manifest.domains.length);
  }

  async run(): Promise<void> {
    const { session, engine, corpus, settings, config, title } = this.#parts;
    await this.#start();
    const task = session.display.task(title, 'steps');
    const weights = sharesOf(settings, corpus);
    const windows = corpus.manifest.domains.map((d) => d.trainWindows);
    const { steps, seed } = settings;
    const rates = {
      peak: settings.learningRate,
      minimum: settings.learningRate / 10,
      warmupSteps: Math.ceil(steps / 20),
      totalSteps: steps,
    };
    let committedMs = performance.now();
    let loss: number | undefined;
    // What an earlier process did is where this one begins, not its speed.
    task.update(engine.stepsDone, steps);
    while (engine.stepsDone < steps) {
      const step = engine.stepsDone + 1;
      const plan = planStep({ seed, step, rows: settings.batch, weights, windows, cursors: this.#cursors });
      const rows = await inGroups(plan.rows, windowsAtOnce, async ({ domain, window }) => ({
        domain,
        ...(await corpus.window(domain, window)),
      }));
      const done = await engine
        .step(rows, learningRate(rates, step), { signal: session.signal })
        .catch((error: unknown) => {
          throw inOptions(error, step, settings.learningRate);
        });
      this.#cursors = plan.cursors;
      loss = done.loss;
      const rate = Math.round((1000 * done.tokens) / done.durationMs);
      task.update(step, steps, `loss ${loss.toFixed(3)} · ${rate} tokens/s`);
      if (performance.now() - committedMs >= commitEveryMs) {
        await this.#commit();
        committedMs = performance.now();
      }
    }
    await this.#commit();
    await this.#superseded.close();
    const size = formatCount(parameterCount(config));
    const ending = loss === undefined ? '' : `, last loss ${loss.toFixed(3)}`;
    task.end(`${size} parameters, ${steps} steps${ending}`);
  }

  async #start(): Promise<void> {
    const { engine, settings, config, key } = this.#parts;
    const known = await this.#store.records.get(key);
    if (!known) {
      const specs = new Map(decoderParameters(config).map((spec) => [spec.name, spec]));
      await engine.load({
        step: 0,
        read: ({ role, name }) =>
          role === 'parameter' ? initialParameter(specs.get(name)!, settings.seed) : undefined,
      });
      return;
    }
    this.#revision = known.revision;
    this.#committed = Buffer.from(known.value).toString('utf8');
    const { cursors } = await restoreCheckpoint(engine, this.#committed, this.#store.artifacts);
    this.#cursors = cursors as unknown as Cursors;
    this.#parts.session.display.note(`${this.#parts.title}: continuing after step ${engine.stepsDone}`);
  }

  async #commit(): Promise<void> {
    const { engine, key } = this.#parts;
    const cursors = { drawn: this.#cursors.drawn };
    const saved = await saveCheckpoint(engine, this.#store.artifacts, {
      cursors,
      mixtureVersion: 0,
      metrics: null,
    });
    failpoint('pretrain.before_commit');
    const value = Buffer.from(saved.digest);
    const { records } = this.#store;
    const committing =
      this.#revision === 0 ? records.create(key, value) : records.update(key, value, this.#revision);
    this.#revision = await committing.catch((error: unknown) => {
      throw trainedElsewhere(error);
    });
    const { weights, moments } = saved.manifest;
    if (this.#committed !== '' && this.#committed !== saved.digest)
      this.#superseded.add(this.#committed, weights.bytes + (moments?.bytes ?? 0));
    this.#committed = saved.digest;
  }
}

/** As asked for, or by tokens. */
function sharesOf(settings: PretrainSettings, corpus: Corpus): number[] {
  const asked = settings.domains.map((d) => d.share);
  if (asked.every((share) => share === undefined)) return corpus.manifest.domains.map((d) => d.trainTokens);
  return asked.map((share) => share ?? 0);
}

function configOf(
  settings: PretrainSettings,
  { vocabSize, endOfText }: { readonly vocabSize: number; readonly endOfText: number },
): DecoderConfig {
  const json = {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    vocab_size: settings.vocabSize ?? vocabSize,
    hidden_size: settings.hidden,
    intermediate_size: settings.intermediate,
    num_hidden_layers: settings.layers,
    num_attention_heads: settings.heads,
    num_key_value_heads: settings.kvHeads ?? settings.heads,
    max_position_embeddings: settings.length,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: false,
    initializer_range: 0.02,
    hidden_act: 'silu',
    eos_token_id: endOfText,
  };
  return parseDecoderConfig(json, 'the model to train');
}
