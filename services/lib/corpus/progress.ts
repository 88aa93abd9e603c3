// Counting what has been done in a phase, and telling whoever listens.

import type { CorpusProgress } from './options.js';

export class ProgressMeter {
  readonly #phase: CorpusProgress['phase'];
  readonly #totalBytes: number;
  readonly #tell: ((progress: CorpusProgress) => void) | undefined;
  #domain = '';
  #bytes = 0;
  #documents = 0;
  #tokens = 0;

  constructor(
    phase: CorpusProgress['phase'],
    totalBytes: number,
    tell: ((progress: CorpusProgress) => void) | undefined,
  ) {
    this.#phase = phase;
    this.#totalBytes = totalBytes;
    this.#tell = tell;
  }

  domain(name: string): void {
    this.#domain = name;
    this.#report();
  }

  /** Bound, so that readers can be given it as it is. */
  readonly read = (bytes: number): void => {
    this.#bytes += bytes;
    this.#report();
  };

  document(): void {
    this.#documents += 1;
  }

  tokens(count: number): void {
    this.#tokens += count;
  }

  #report(): void {
    this.#tell?.({
      domain: this.#domain,
      phase: this.#phase,
      bytes: this.#bytes,
      totalBytes: this.#totalBytes,
      documents: this.#documents,
      tokens: this.#tokens,
    });
  }
}
