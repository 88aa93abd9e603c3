// The metrics of an interval's steps: a chain of artifacts, each with the steps since the one before it, so that however
// often an interval is committed every step is written once, and only those since the last commit are held in memory.
import { type StepMetrics, StepMetricsLog } from '#proto/ddk/v1/types';
import type { ArtifactStore } from '#store';

/** Where nothing is committed for long, a link of the chain is closed at about this size. */
const linkBytes = 2 << 20;

export class MetricsLog {
  readonly #artifacts: ArtifactStore;
  readonly #linkBytes: number;
  #head: string;
  #steps: StepMetrics[] = [];
  #bytes = 0;

  /** @param head the link that the interval's record names; empty at the interval's start */
  constructor(artifacts: ArtifactStore, head: string, options: { readonly linkBytes?: number } = {}) {
    this.#artifacts = artifacts;
    this.#linkBytes = options.linkBytes ?? linkBytes;
    this.#head = head;
  }

  async add(step: StepMetrics): Promise<void> {
    this.#steps.push(step);
    this.#bytes += mostBytesOf(step);
    if (this.#bytes >= this.#linkBytes) await this.flush();
  }

  /** Makes all steps durable. Returns the digest of the chain's last link, which stands for all of them. */
  async flush(): Promise<string> {
    if (this.#steps.length === 0) return this.#head;
    const link = StepMetricsLog.encode({ steps: this.#steps, previousDigest: this.#head }).finish();
    this.#head = (await this.#artifacts.put(link)).digest;
    this.#steps = [];
    this.#bytes = 0;
    return this.#head;
  }
}

/** Of the fields as protobuf has them: eight-byte numbers, and counts of five bytes or less, each with its tag. */
const mostBytesOf = (step: StepMetrics): number => 80 + 32 * step.domains.length;
