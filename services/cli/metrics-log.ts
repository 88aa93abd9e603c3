// Reading the metrics of steps: chains of artifacts, one an interval, each from its last link back to the interval's first
// step. They are told in order all the same, and one link of all of them is in memory at a time: each is read twice.
import { DdkError } from '#base';
import { type StepMetrics, StepMetricsLog } from '#proto/ddk/v1/types';
import type { ArtifactStore } from '#store';

/** Links are closed at a few MiB. */
const maxLinkBytes = 64 << 20;

/** Steps in order, each time they are gone through. */
export interface StoredSteps extends AsyncIterable<StepMetrics> {
  readonly count: number;
}

/**
 * The steps of the chains that end with the links `heads`, one chain after the other. not_found, data_loss: a link is missing
 * or damaged. An aborted signal ends the reading, also of the steps, with its reason.
 */
export async function readMetricsLogs(
  artifacts: ArtifactStore,
  heads: readonly string[],
  signal?: AbortSignal,
): Promise<StoredSteps> {
  const digests: string[] = [];
  let count = 0;
  for (const head of heads) {
    const chain: string[] = [];
    for await (const { digest, link } of linksFrom(artifacts, head)) {
      signal?.throwIfAborted();
      chain.push(digest);
      count += link.steps.length;
    }
    for (const digest of chain.reverse()) digests.push(digest);
  }
  return {
    count,
    async *[Symbol.asyncIterator]() {
      for (const digest of digests) {
        signal?.throwIfAborted();
        yield* (await readLink(artifacts, digest)).steps;
      }
    },
  };
}

/** The digests of all links of the chain, the last one first. Throws as `readMetricsLogs`, after those it has reached. */
export async function* metricsLogLinks(artifacts: ArtifactStore, head: string): AsyncGenerator<string> {
  yield head;
  for await (const { link } of linksFrom(artifacts, head))
    if (link.previousDigest !== '') yield link.previousDigest;
}

/** The last link first. Every link begins earlier than the one after it, so there are at most as many as steps. */
async function* linksFrom(
  artifacts: ArtifactStore,
  head: string,
): AsyncGenerator<{ readonly digest: string; readonly link: StepMetricsLog }> {
  let next = Number.POSITIVE_INFINITY;
  for (let digest = head; digest !== ''; ) {
    const link = await readLink(artifacts, digest);
    for (const { step } of link.steps.toReversed()) {
      if (step >= next) throw damaged(digest, `step ${step} comes before step ${next}`);
      next = step;
    }
    if (link.steps.length === 0) throw damaged(digest, 'it has no steps');
    yield { digest, link };
    digest = link.previousDigest;
  }
}

async function readLink(artifacts: ArtifactStore, digest: string): Promise<StepMetricsLog> {
  const bytes = await artifacts.bytes(digest, { maxBytes: maxLinkBytes });
  try {
    return StepMetricsLog.decode(bytes);
  } catch (cause) {
    throw damaged(digest, 'it cannot be decoded', cause);
  }
}

function damaged(digest: string, why: string, cause?: unknown): DdkError {
  return new DdkError('data_loss', `The metrics log ${digest} is damaged: ${why}.`, { cause });
}
