// `ddk generate`: text from a model.
import { generateText, openModel } from '#model';
import { chooseProvider, openRuntime } from '#runtime';
import type { Display } from '../display/display.js';

interface GenerateCommandOptions {
  readonly prompt: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** Writes the text as it comes; with JSON, as one object at the end. */
export async function generate(
  display: Display,
  folder: string,
  options: GenerateCommandOptions,
  write: (text: string) => void,
): Promise<void> {
  const { prompt, temperature, topK, seed } = options;
  const model = await openModel(folder);
  const runtime = await openRuntime('c-api');
  try {
    write(prompt);
    const generated = await generateText(runtime, {
      model,
      prompt,
      maxNewTokens: options.tokens,
      temperature,
      topK: Math.min(topK, model.tokenizer.vocabSize),
      seed,
      session: { provider: chooseProvider('auto').provider, threads: 0 },
      onText: write,
    });
    display.result('', { prompt, text: generated.text, end: generated.end, tokens: generated.ids.length });
  } finally {
    await runtime.close();
  }
}
