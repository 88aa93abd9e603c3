// Reading the metrics of an interval: a chain of artifacts, from the last link back to the interval's first step.
import { DdkError } from '#base';
import { type StepMetrics, StepMetricsLog } from '#proto/ddk/v1/types';
import type { ArtifactStore } from '#store';

/** Links are closed at a few MiB. */
const maxLinkBytes = 64 << 20;

/** The steps of the chain that ends with the link `head`, in order. not_found, data_loss: a link is missing or damaged. */
export async function readMetricsLog(artifacts: ArtifactStore, head: string): Promise<StepMetrics[]> {
  const links: StepMetrics[][] = [];
  for await (const { steps } of linksFrom(artifacts, head)) links.push(steps);
  return links.reverse().flat();
}

/** The digests of all links of the chain, the last one first. Throws as `readMetricsLog`, after those it has reached. */
export async function* metricsLogLinks(artifacts: ArtifactStore, head: string): AsyncGenerator<string> {
  yield head;
  for await (const { previousDigest } of linksFrom(artifacts, head))
    if (previousDigest !== '') yield previousDigest;
}

/** The last link first. Every link begins earlier than the one after it, so there are at most as many as steps. */
async function* linksFrom(artifacts: ArtifactStore, head: string): AsyncGenerator<StepMetricsLog> {
  let next = Number.POSITIVE_INFINITY;
  for (let digest = head; digest !== ''; ) {
    const link = decode(await artifacts.bytes(digest, { maxBytes: maxLinkBytes }), digest);
    for (const { step } of link.steps.toReversed()) {
      if (step >= next) throw damaged(digest, `step ${step} comes before step ${next}`);
      next = step;
    }
    if (link.steps.length === 0) throw damaged(digest, 'it has no steps');
    yield link;
    digest = link.previousDigest;
  }
}

function decode(bytes: Uint8Array, digest: string): StepMetricsLog {
  try {
    return StepMetricsLog.decode(bytes);
  } catch (cause) {
    throw damaged(digest, 'it cannot be decoded', cause);
  }
}

function damaged(digest: string, why: string, cause?: unknown): DdkError {
  return new DdkError('data_loss', `The metrics log ${digest} is damaged: ${why}.`, { cause });
}
