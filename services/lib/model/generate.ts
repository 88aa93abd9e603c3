// Text from a model, token by token, to see what it has learnt.
import { DdkError } from '#base';
import type { Runtime, Session, SessionOptions } from '#runtime';
import type { ModelFolder } from './folder.js';
import { checkSampling, type SamplingOptions, sampleToken } from './sample.js';
import { scoringModel } from './scoring.js';

export interface GenerateOptions extends SamplingOptions {
  readonly model: Pick<ModelFolder, 'config' | 'weights' | 'tokenizer'>;
  /** May be empty: then the text begins after an end-of-text token. */
  readonly prompt: string;
  readonly maxNewTokens: number;
  readonly session: SessionOptions;
  /** Called with text as it becomes whole characters. */
  readonly onText?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface Generated {
  /** What follows the prompt. */
  readonly text: string;
  readonly ids: readonly number[];
  readonly end: 'end_of_text' | 'length';
}

/** Shortest window a session is made for; windows double from there, so a long text needs few sessions. */
const SHORTEST_WINDOW = 64;

/**
 * Continues a prompt. When the text outgrows the model's positions, the oldest tokens are forgotten.
 *
 * @throws DdkError invalid_argument, or cancelled through the signal
 */
export async function generateText(runtime: Runtime, options: GenerateOptions): Promise<Generated> {
  const { model, maxNewTokens } = options;
  checkSampling(options);
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1) {
    throw new DdkError('invalid_argument', `maxNewTokens is ${maxNewTokens}; it must be at least 1.`);
  }
  const { tokenizer } = model;
  const context = [...tokenizer.encode(options.prompt)];
  if (context.length === 0) context.push(tokenizer.endOfText);
  const predictor = new Predictor(runtime, options);
  const stream = new TextStream((ids) => tokenizer.decode(ids), options.onText);
  const ids: number[] = [];
  try {
    for (let step = 0; step < maxNewTokens; step++) {
      const id = sampleToken(await predictor.logits(context), options, step);
      if (id === tokenizer.endOfText) return { text: stream.finish(), ids, end: 'end_of_text' };
      ids.push(id);
      context.push(id);
      stream.push(id);
    }
    return { text: stream.finish(), ids, end: 'length' };
  } finally {
    await predictor.close();
  }
}

/** Logits after a context, through a session of a window just large enough. */
class Predictor {
  readonly #runtime: Runtime;
  readonly #options: GenerateOptions;
  #window = 0;
  #session: Session | undefined;

  constructor(runtime: Runtime, options: GenerateOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  async logits(context: readonly number[]): Promise<Float32Array> {
    const { model, signal } = this.#options;
    const recent = context.slice(-model.config.maxPositions);
    const session = await this.#sessionFor(recent.length);
    const ids = new BigInt64Array(this.#window);
    recent.forEach((id, i) => {
      ids[i] = BigInt(id);
    });
    const feeds = {
      input_ids: { dtype: 'int64', shape: [1, this.#window], data: ids },
      position: { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(recent.length - 1)) },
    } as const;
    const { logits } = await session.run(feeds, signal === undefined ? {} : { signal });
    const data = logits?.data;
    if (!(data instanceof Float32Array)) throw new DdkError('internal', 'The scoring graph gave no logits.');
    // Ids past the tokenizer's are padding of the vocabulary and mean nothing.
    return data.subarray(0, model.tokenizer.vocabSize);
  }

  async #sessionFor(length: number): Promise<Session> {
    if (this.#session !== undefined && length <= this.#window) return this.#session;
    await this.close();
    const { model, session } = this.#options;
    this.#window = Math.max(SHORTEST_WINDOW, this.#window);
    while (this.#window < length) this.#window *= 2;
    this.#window = Math.min(this.#window, model.config.maxPositions);
    const scoring = scoringModel({ ...model, batch: 1, length: this.#window, head: { kind: 'last_logits' } });
    this.#session = await this.#runtime.createSession(scoring.bytes, {
      ...session,
      externalDataFolder: scoring.externalDataFolder,
    });
    return this.#session;
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
  }
}

/** Hands text on as soon as it cannot change any more: a character may be spread over several tokens. */
class TextStream {
  readonly #decode: (ids: readonly number[]) => string;
  readonly #onText: ((text: string) => void) | undefined;
  readonly #ids: number[] = [];
  #given = '';

  constructor(decode: (ids: readonly number[]) => string, onText: ((text: string) => void) | undefined) {
    this.#decode = decode;
    this.#onText = onText;
  }

  push(id: number): void {
    this.#ids.push(id);
    const text = this.#decode(this.#ids);
    if (!text.endsWith('\uFFFD')) this.#give(text);
  }

  finish(): string {
    const text = this.#decode(this.#ids);
    this.#give(text);
    return text;
  }

  #give(text: string): void {
    if (text.length > this.#given.length) this.#onText?.(text.slice(this.#given.length));
    this.#given = text;
  }
}
