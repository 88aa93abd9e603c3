// What a model trained from scratch is made of and made on.

export interface PretrainSettings {
  /** `share`: relative part of the training; all undefined: by tokens. */
  readonly domains: readonly {
    readonly name: string;
    readonly paths: readonly string[];
    readonly share?: number;
  }[];
  /** A tokenizer.json or the folder it lies in; undefined: bytes. */
  readonly tokenizer: string | undefined;
  /** Rows of the embedding; undefined: as many as the tokenizer has ids. */
  readonly vocabSize: number | undefined;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  /** Undefined: as many as heads. */
  readonly kvHeads: number | undefined;
  readonly intermediate: number;
  /** T: predicted positions of a window; the model takes no more. */
  readonly length: number;
  readonly batch: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly validationSamples: number;
  readonly seed: number;
}
