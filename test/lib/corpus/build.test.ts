import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { buildCorpus, type CorpusProgress, corpusSourceKey, labels, openCorpus } from '#corpus';
import { byteLevelTokenizerJson } from '#tokenizer';
import { temporaryFolder } from '../../support/temporary-folder.js';
import {
  build,
  endOfText,
  jsonl,
  memoryStore,
  numbered,
  optionsFor,
  streamOf,
  textOf,
  write,
} from './support.js';

test('the digest is the same with any number of workers, and in another folder', async (t) => {
  const store = await memoryStore(t);
  // About 800 kB, so several batches are under way at once and could overtake each other.
  const texts = {
    a: numbered(4000, 'a '.repeat(50)),
    b: numbered(3000, 'b '.repeat(100)),
    c: numbered(10, 'c'),
  };
  const settings = { sequenceLength: 128, validationSamples: 5, shardTokens: 50_000 };
  const root = await temporaryFolder(t);
  const first = await buildCorpus(await optionsFor(root, store, texts, settings));
  for (const workers of [1, 3]) {
    const again = await buildCorpus({ ...(await optionsFor(root, store, texts, settings)), workers });
    assert.equal(again.digest, first.digest);
  }
  const elsewhere = await buildCorpus(await optionsFor(await temporaryFolder(t), store, texts, settings));
  assert.equal(elsewhere.digest, first.digest);
  assert.deepEqual(elsewhere.manifest, first.manifest);
  const seeded = await buildCorpus(await optionsFor(root, store, texts, { ...settings, seed: 2 }));
  assert.notEqual(seeded.digest, first.digest);
});

test('windows cover every token once as a label, across shards of any size', async (t) => {
  const root = await temporaryFolder(t);
  const store = await memoryStore(t);
  const documents = numbered(12, 'w');
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 40 }),
      async (shardTokens, sequenceLength) => {
        const options = await optionsFor(root, store, { w: documents }, { shardTokens, sequenceLength });
        const { corpus } = await build(t, options);
        const [domain] = corpus.manifest.domains;
        const samples = new Set<string>();
        const { corpus: whole } = await build(t, { ...options, sequenceLength: 1 });
        for await (const { ids } of corpus.validation(0)) samples.add(textOf(ids).split('|')[0]!);
        // With T = 1 every neighbouring pair is a window, so the stream is read back to the last token.
        const stream = textOf((await streamOf(whole, 0)).ids);
        assert.equal(stream.length, domain!.trainTokens);
        assert.equal(domain!.trainWindows, Math.floor((stream.length - 1) / sequenceLength));
        for (let i = 0; i < domain!.trainWindows; i++) {
          const { ids, mask } = await corpus.window(0, i);
          assert.equal(textOf(ids), stream.slice(i * sequenceLength, (i + 1) * sequenceLength + 1));
          assert.deepEqual([...mask], Array(sequenceLength).fill(1));
        }
        assert.equal(domain!.shards.length, Math.ceil(stream.length / shardTokens));
        for (const { tokens, hasMask, idBytes } of domain!.shards) {
          assert.ok(tokens <= shardTokens && !hasMask && idBytes === 2);
        }
      },
    ),
    { numRuns: 25, seed: 9 },
  );
});

test('each document is followed by one end of text', async (t) => {
  const documents = numbered(6, 'x');
  const options = await optionsFor(
    await temporaryFolder(t),
    await memoryStore(t),
    { x: documents },
    { sequenceLength: 1 },
  );
  const { corpus } = await build(t, options);
  const { ids } = await streamOf(corpus, 0);
  const parts = textOf(ids).split('|');
  assert.equal(parts.pop(), '');
  assert.equal(parts.length, 4);
  assert.ok(parts.every((part) => documents.includes(part)));
});

test('masks lie beside the ids, bit by bit, wherever shards and windows begin', async (t) => {
  const root = await temporaryFolder(t);
  const records = Array.from({ length: 14 }, (_, i) =>
    i % 3 === 0
      ? { text: `plain text number ${i}, every token of it counts` }
      : { prompt: `prompt ${i} ${'?'.repeat(i)} ${'-'.repeat(20)}`, completion: `completion ${i}` },
  );
  await write(root, { 'm.jsonl': jsonl(...records) });
  // Expected: the byte and its mask, in order, without what is held out.
  const expected = records.map(({ text, prompt, completion }) =>
    text === undefined
      ? {
          text: `${prompt}${completion}|`,
          counted: `${'0'.repeat(prompt!.length)}${'1'.repeat(completion!.length + 1)}`,
        }
      : { text: `${text}|`, counted: '1'.repeat(text.length + 1) },
  );
  const store = await memoryStore(t);
  for (const shardTokens of [7, 64, 10_000]) {
    const options = await optionsFor(root, store, {}, { sequenceLength: 5, shardTokens, workers: 1 });
    const domains = [{ name: 'm', paths: [join(root, 'm.jsonl')] }];
    const { corpus } = await build(t, { ...options, domains });
    const held = new Set<string>();
    const { corpus: wide } = await build(t, { ...options, domains, sequenceLength: 90 });
    for await (const { ids } of wide.validation(0)) held.add(`${textOf(ids).split('|')[0]}|`);
    assert.equal(held.size, 2);
    const trained = expected.filter(({ text }) => !held.has(text));
    const { ids, counted } = await streamOf(corpus, 0);
    assert.equal(
      textOf(ids),
      trained
        .map(({ text }) => text)
        .join('')
        .slice(0, ids.length),
    );
    // The first token is no label.
    assert.equal(
      counted.join(''),
      trained
        .map(({ counted }) => counted)
        .join('')
        .slice(1, ids.length),
    );
    const { shards } = corpus.manifest.domains[0]!;
    assert.equal(
      shards.every(({ hasMask }) => hasMask),
      shardTokens > 7,
    );
  }
});

test('a vocabulary above 65,536 takes four bytes an id', async (t) => {
  const root = await temporaryFolder(t);
  const store = await memoryStore(t);
  const options = await optionsFor(root, store, { a: numbered(8, '漢') }, { sequenceLength: 60 });
  const json = JSON.parse(byteLevelTokenizerJson());
  json.added_tokens.push({ ...json.added_tokens[0], id: 70_000, content: '漢' });
  await write(root, { 'tokenizer.json': JSON.stringify(json) });
  const { corpus } = await build(t, options);
  assert.equal(corpus.manifest.vocabSize, 70_001);
  assert.equal(corpus.manifest.domains[0]!.shards[0]!.idBytes, 4);
  assert.ok((await streamOf(corpus, 0)).ids.includes(70_000));
  const samples = [];
  for await (const { ids } of corpus.validation(0)) samples.push(...ids);
  assert.ok(samples.includes(70_000));
});

test('progress runs from nothing to everything in each phase', async (t) => {
  const seen: CorpusProgress[] = [];
  const options = await optionsFor(await temporaryFolder(t), await memoryStore(t), {
    a: numbered(8, 'a'),
    b: numbered(8, 'b'),
  });
  await buildCorpus({ ...options, onProgress: (progress) => seen.push(progress) });
  for (const phase of ['scanning', 'tokenising']) {
    const steps = seen.filter((step) => step.phase === phase);
    assert.equal(steps[0]!.bytes, 0);
    assert.equal(steps.at(-1)!.bytes, steps[0]!.totalBytes);
    for (const [i, step] of steps.entries()) assert.ok(i === 0 || step.bytes >= steps[i - 1]!.bytes);
    assert.deepEqual([...new Set(steps.map(({ domain }) => domain))], ['a', 'b']);
  }
});

test('the source key follows files and options, and nothing that makes no difference', async (t) => {
  const root = await temporaryFolder(t);
  const options = await optionsFor(root, await memoryStore(t), { a: numbered(8, 'a') });
  const key = await corpusSourceKey(options);
  assert.match(key, /^sha256:[0-9a-f]{64}$/);
  assert.equal(await corpusSourceKey({ ...options, workers: 7 } as typeof options), key);
  const others = [{ seed: 2 }, { sequenceLength: 9 }, { validationSamples: 3 }, { shardTokens: 5 }];
  for (const other of others) assert.notEqual(await corpusSourceKey({ ...options, ...other }), key);
  await utimes(join(root, 'a.jsonl'), 1, 1);
  assert.notEqual(await corpusSourceKey(options), key);
});

test('windows and domains that are not there are refused', async (t) => {
  const { corpus } = await build(
    t,
    await optionsFor(await temporaryFolder(t), await memoryStore(t), { a: numbered(8, 'a') }),
  );
  const { trainWindows } = corpus.manifest.domains[0]!;
  for (const index of [-1, 0.5, trainWindows]) {
    await assert.rejects(corpus.window(0, index), {
      code: 'invalid_argument',
      message: /training windows 0 to \d+, not/,
    });
  }
  await assert.rejects(corpus.window(1, 0), /no domain 1: the corpus has domains 0 to 0/);
  await corpus.close();
  await assert.rejects(corpus.window(0, 0), /closed/);
});

test('what is no manifest is not opened as one', async (t) => {
  const store = await memoryStore(t);
  const { manifest } = await buildCorpus(
    await optionsFor(await temporaryFolder(t), store, { a: numbered(8, 'a') }),
  );
  const [domain] = manifest.domains;
  const wrong: readonly (readonly [content: unknown, message: RegExp])[] = [
    [null, /format is not version 1/],
    [{ ...manifest, formatVersion: 2 }, /format is not version 1/],
    [{ ...manifest, endOfText: 257 }, /endOfText is no id/],
    [{ ...manifest, domains: [null] }, /id or name of domain 0/],
    [{ ...manifest, domains: [{ ...domain, trainWindows: 1e9 }] }, /trainWindows of domain 0 is 1000000000/],
    [
      { ...manifest, domains: [{ ...domain, shards: [{ ...domain!.shards[0], tokens: 3 }] }] },
      /have 3 tokens/,
    ],
    [
      { ...manifest, domains: [{ ...domain, shards: [{ ...domain!.shards[0], idBytes: 4 }] }] },
      /a shard of domain 0/,
    ],
  ];
  for (const [content, message] of wrong) {
    const { digest } = await store.artifacts.put(Buffer.from(JSON.stringify(content)));
    await assert.rejects(openCorpus(digest, store.artifacts), { code: 'invalid_argument', message });
  }
});

test('a window as a model takes it: each label is the input that follows', () => {
  const row = labels({ ids: Int32Array.of(5, 6, 7, endOfText), mask: Uint8Array.of(0, 1, 1) });
  assert.deepEqual([...row.inputIds], [5, 6, 7]);
  assert.deepEqual([...row.labels], [6, 7, endOfText]);
  assert.deepEqual([...row.mask], [0, 1, 1]);
});

test('many readers at once get their own windows, though few shards are open', async (t) => {
  const options = await optionsFor(
    await temporaryFolder(t),
    await memoryStore(t),
    { a: numbered(40, 'a') },
    { shardTokens: 20 },
  );
  const { corpus } = await build(t, options);
  const { trainWindows, shards } = corpus.manifest.domains[0]!;
  assert.ok(shards.length > 50);
  const alone: string[] = [];
  for (let i = 0; i < trainWindows; i++) alone.push(textOf((await corpus.window(0, i)).ids));
  const together = await Promise.all(alone.map((_, i) => corpus.window(0, i)));
  assert.deepEqual(
    together.map(({ ids }) => textOf(ids)),
    alone,
  );
});
