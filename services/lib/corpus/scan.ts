// First pass over a domain: check everything, count, and choose what is held out.

import { DdkError, Sha256, type Violation } from '#base';
import type { ChatStyle } from './chat.js';
import { type DocumentKey, documentKey, isEligible, minSampleBytes, SmallestKeys } from './held-out.js';
import type { ProgressMeter } from './progress.js';
import { readDocuments } from './read-documents.js';
import type { SourceFile } from './sources.js';

export interface DomainFiles {
  readonly name: string;
  readonly files: readonly SourceFile[];
}

export interface DomainScan {
  readonly name: string;
  /** Documents long enough to be a sample, equal ones counted each. */
  readonly eligible: number;
  /** Keys of the documents held out, ascending. */
  readonly heldOut: readonly DocumentKey[];
  /** Of all documents in order: a second pass that sees another one knows that the files changed. */
  readonly fingerprint: string;
}

export interface ReadSettings {
  readonly seed: number;
  readonly style: ChatStyle;
  readonly signal: AbortSignal | undefined;
}

export async function scanDomain(
  domain: DomainFiles,
  settings: ReadSettings & { readonly validationSamples: number },
  progress: ProgressMeter,
): Promise<DomainScan> {
  const smallest = new SmallestKeys(settings.validationSamples);
  const order = new DocumentOrder();
  let eligible = 0;
  progress.domain(domain.name);
  for await (const document of readDocuments(domain.files, settings.style, progress.read, settings.signal)) {
    const key = documentKey(settings.seed, document);
    order.add(key);
    progress.document();
    if (!isEligible(document)) continue;
    eligible += 1;
    smallest.offer(key);
  }
  return { name: domain.name, eligible, heldOut: smallest.keys(), fingerprint: order.fingerprint() };
}

/** The documents of a domain in the order they came. */
export class DocumentOrder {
  readonly #hash = new Sha256();

  add(key: DocumentKey): void {
    this.#hash.update(Buffer.from(key, 'hex'));
  }

  fingerprint(): string {
    return this.#hash.hex();
  }
}

/**
 * Refuses domains with too little text, all in one error: a domain needs twice as many eligible documents as are held
 * out, so that at least as many remain to train on, and as many different ones as are held out.
 */
export function refuseSmallDomains(scans: readonly DomainScan[], validationSamples: number): void {
  const violations: Violation[] = [];
  for (const { name, eligible, heldOut } of scans) {
    const needed = 2 * validationSamples;
    if (eligible >= needed && heldOut.length === validationSamples) continue;
    const largest = Math.min(Math.floor(eligible / 2), heldOut.length);
    const remedy =
      largest > 0
        ? `add text or set validationSamples to at most ${largest}`
        : 'add more and longer documents';
    const found =
      eligible < needed
        ? `${eligible} documents of at least ${minSampleBytes} bytes, and ${needed} are needed ` +
          `(validationSamples ${validationSamples}, and as many to train on)`
        : `only ${heldOut.length} different documents, and ${validationSamples} are to be held out`;
    violations.push({ field: `domains[${JSON.stringify(name)}]`, description: `has ${found}; ${remedy}` });
  }
  if (violations.length === 0) return;
  const all = violations.map(({ field, description }) => `${field} ${description}`).join('. ');
  throw new DdkError('failed_precondition', `There is too little text: ${all}.`, {
    violations,
    reason: 'TOO_LITTLE_TEXT',
  });
}
