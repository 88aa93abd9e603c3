// Shows that building a corpus takes the same memory whatever the amount of text.
//
//   node dist/test/bench/corpus-memory.js            50 MB, then 1 GB
//   node dist/test/bench/corpus-memory.js 50 [2]     50 MB only, with 2 workers
//
// Each size is built in a process of its own, whose peak of resident memory (threads included) is what is printed.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildCorpus, openCorpus } from '#corpus';
import { openDiskStore } from '#store';
import { byteLevelTokenizerJson } from '#tokenizer';

const megabyte = 1_000_000;

/** Words by a small linear congruential generator: text that is quick to make and has no equal documents. */
function* paragraphs(bytes: number): Generator<string> {
  let state = 1;
  for (let made = 0; made < bytes; ) {
    const words: string[] = [];
    for (let i = 0; i < 150; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      words.push(state.toString(36));
    }
    const text = words.join(' ');
    made += text.length + 2;
    yield text;
  }
}

async function writeText(path: string, bytes: number, line: (text: string) => string): Promise<void> {
  const file = createWriteStream(path);
  for (const text of paragraphs(bytes)) if (!file.write(line(text))) await once(file, 'drain');
  file.end();
  await once(file, 'close');
}

async function measure(megabytes: number, workers: number): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'ddk-corpus-memory-'));
  try {
    await writeFile(join(root, 'tokenizer.json'), byteLevelTokenizerJson());
    const half = (megabytes * megabyte) / 2;
    await writeText(join(root, 'prose.txt'), half, (text) => `${text}\n\n`);
    await writeText(join(root, 'records.jsonl'), half, (text) => `${JSON.stringify({ text })}\n`);
    const before = process.resourceUsage().maxRSS / 1024;
    const start = performance.now();
    const store = await openDiskStore(join(root, 'store'));
    const { digest, manifest } = await buildCorpus({
      domains: [
        { name: 'prose', paths: [join(root, 'prose.txt')] },
        { name: 'records', paths: [join(root, 'records.jsonl')] },
      ],
      tokenizerPath: root,
      artifacts: store.artifacts,
      sequenceLength: 1024,
      validationSamples: 100,
      seed: 1,
      workers,
    });
    const seconds = (performance.now() - start) / 1000;
    const corpus = await openCorpus(digest, store.artifacts);
    const reads = 2000;
    // Localising verifies digests once, which is not what reading a window costs.
    for (const { id, trainWindows } of manifest.domains) await corpus.window(id, trainWindows - 1);
    const readStart = performance.now();
    for (let i = 0; i < reads; i++) {
      const { id, trainWindows } = manifest.domains[i % 2]!;
      await corpus.window(id, (i * 7919) % trainWindows);
    }
    const readUs = ((performance.now() - readStart) / reads) * 1000;
    await corpus.close();
    await store.close();
    const tokens = manifest.domains.reduce((sum, domain) => sum + domain.trainTokens, 0);
    const peak = process.resourceUsage().maxRSS / 1024;
    const rate = (megabytes / seconds).toFixed(0);
    console.log(
      `${megabytes} MB of text, ${workers} workers: ${seconds.toFixed(1)} s (${rate} MB/s), ${tokens} tokens, ` +
        `peak memory ${peak.toFixed(0)} MiB (${before.toFixed(0)} before building), ${readUs.toFixed(0)} us a window read`,
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

const [size, workers = '2', isChild] = process.argv.slice(2);
if (isChild !== undefined) {
  await measure(Number(size), Number(workers));
} else {
  for (const megabytes of size === undefined ? ['50', '1000'] : [size]) {
    const arguments_ = [fileURLToPath(import.meta.url), megabytes, workers, 'child'];
    const { stdout } = await promisify(execFile)(process.execPath, arguments_);
    process.stdout.write(stdout);
  }
}
