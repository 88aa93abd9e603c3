import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { DdkError } from '#base';
import { buildCorpus } from '#corpus';
import { openMemoryStore } from '#store';
import { documentKey, SmallestKeys } from '../../../services/lib/corpus/held-out.js';
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

test('whatever is duplicated within and across domains, no document is both a sample and trained on', async (t) => {
  const root = await temporaryFolder(t);
  const store = await memoryStore(t);
  // Few different documents, so that many are equal within a domain and across domains; some are too short to be held out.
  const document = fc.nat(24).map((i) => (i < 4 ? `short ${i}` : `<${i}> ${'document '.repeat(4)}`));
  const domain = fc.array(document, { minLength: 12, maxLength: 40 });
  let built = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(domain, { minLength: 1, maxLength: 3 }),
      fc.nat(1000),
      async (domains, seed) => {
        const texts = Object.fromEntries(domains.map((documents, i) => [`d${i}`, documents]));
        const options = await optionsFor(root, store, texts, {
          seed,
          sequenceLength: 64,
          validationSamples: 3,
        });
        let result: Awaited<ReturnType<typeof build>>;
        try {
          result = await build(t, options);
        } catch (error) {
          // All text may be held out; a clear refusal is right then.
          assert.ok(error instanceof DdkError && error.reason === 'TOO_LITTLE_TEXT', String(error));
          return;
        }
        built += 1;
        const { corpus } = result;
        const samples = new Set<string>();
        for (const { id, validationSamples } of corpus.manifest.domains) {
          const own = new Set<string>();
          for await (const { ids } of corpus.validation(id)) own.add(textOf(ids).split('|')[0]!);
          assert.equal(own.size, validationSamples);
          assert.equal(own.size, 3);
          for (const text of own) {
            assert.ok(domains[id]!.includes(text), 'a sample is a document of its domain');
            samples.add(text);
          }
        }
        for (const { id, documents } of corpus.manifest.domains) {
          const expected = domains[id]!.filter((text) => !samples.has(text));
          assert.equal(
            documents,
            expected.length,
            'everything that is not held out is trained on, duplicates too',
          );
          const { ids } = await streamOf(corpus, id);
          const whole = expected.map((text) => `${text}|`).join('');
          assert.equal(textOf(ids), whole.slice(0, ids.length));
          assert.ok(whole.length - ids.length < 64, 'fewer tokens than a window are left over');
        }
      },
    ),
    { numRuns: 60, seed: 7 },
  );
  assert.ok(built > 30, `only ${built} corpora were built`);
});

test('which documents are held out depends on seed and text, not on order, format or other domains', async (t) => {
  const store = await memoryStore(t);
  const documents = numbered(30, 'text');
  const samplesOf = async (files: Record<string, string>, seed: number) => {
    const root = await temporaryFolder(t);
    const options = await optionsFor(
      root,
      store,
      { z: numbered(9, 'z') },
      { seed, sequenceLength: 100, validationSamples: 4 },
    );
    await write(root, files);
    const domains = [...options.domains, { name: 'd', paths: [join(root, 'd')] }];
    const { corpus } = await build(t, { ...options, domains });
    const samples: string[] = [];
    for await (const { ids } of corpus.validation(1)) samples.push(textOf(ids));
    return samples;
  };
  const lines = (list: string[]) => jsonl(...list.map((text) => ({ text })));
  const first = await samplesOf({ 'd/a.jsonl': lines(documents) }, 1);
  assert.deepEqual(await samplesOf({ 'd/a.jsonl': lines(documents.toReversed()) }, 1), first);
  const files = Object.fromEntries(documents.map((text, i) => [`d/${i}.txt`, text]));
  assert.deepEqual(await samplesOf(files, 1), first);
  assert.notDeepEqual(await samplesOf({ 'd/a.jsonl': lines(documents) }, 2), first);
});

test('a sample is padded with end of text that does not count, or cut at one place', async (t) => {
  const short = numbered(4, 'short');
  const long = Array.from(
    { length: 4 },
    (_, i) => `${i}: ${Array.from({ length: 60 }, (_, n) => `${n} `).join('')}`,
  );
  const store = await memoryStore(t);
  const options = await optionsFor(await temporaryFolder(t), store, { short, long }, { sequenceLength: 64 });
  const { corpus } = await build(t, options);
  for await (const { ids, mask } of corpus.validation(0)) {
    assert.equal(ids.length, 65);
    assert.equal(mask.length, 64);
    const end = ids.indexOf(endOfText);
    assert.ok(short.includes(textOf(ids.subarray(0, end))));
    assert.deepEqual([...ids.subarray(end)], Array(65 - end).fill(endOfText));
    // Position t predicts token t + 1: the document's own end is predicted, what fills up is not.
    assert.deepEqual(
      [...mask],
      Array.from({ length: 64 }, (_, position) => (position < end ? 1 : 0)),
    );
  }
  const starts = new Set<number>();
  for await (const { ids, mask } of corpus.validation(1)) {
    const source = long.map((text) => `${text}|`).find((text) => text.includes(textOf(ids)));
    assert.ok(source !== undefined);
    starts.add(source.indexOf(textOf(ids)));
    assert.ok(mask.every((value) => value === 1));
  }
  assert.equal(starts.size, 2, 'the place is keyed by the document');
});

test('a sample of prompt and completion always has positions that count', async (t) => {
  const root = await temporaryFolder(t);
  const store = await memoryStore(t);
  const options = await optionsFor(root, store, {}, { sequenceLength: 32, validationSamples: 10 });
  const records = Array.from({ length: 20 }, (_, i) => ({
    prompt: `${i} ${'question '.repeat(50)}`,
    completion: `answer ${i}`,
  }));
  await write(root, { 'p.jsonl': jsonl(...records) });
  const { corpus } = await build(t, { ...options, domains: [{ name: 'p', paths: [join(root, 'p.jsonl')] }] });
  for await (const { ids, mask } of corpus.validation(0)) {
    const counted = [...mask].map((value, position) => (value ? ids[position + 1]! : 32));
    assert.match(textOf(counted).trim(), /^(a?n?s?w?e?r? ?\d+)?\|$|^a?n?s?w?e?r? ?\d*\|?$/);
    assert.ok(mask.includes(1));
  }
});

test('white space around a text makes it no other text', () => {
  const key = (...parts: string[]) =>
    documentKey(
      1,
      parts.map((text) => ({ bytes: Buffer.from(text), counted: true })),
    );
  assert.equal(key('  some text\r\n'), key('some text'));
  assert.equal(key('\tsome ', 'text\n\n'), key('some text'));
  assert.notEqual(key('some  text'), key('some text'));
});

test('the smallest keys are kept whatever the order, each once', () => {
  const keys = fc.array(fc.integer({ min: 0, max: 40 }).map((n) => n.toString(16).padStart(4, '0')));
  fc.assert(
    fc.property(keys, fc.integer({ min: 1, max: 8 }), (list, capacity) => {
      const smallest = new SmallestKeys(capacity);
      for (const key of list) smallest.offer(key);
      assert.deepEqual(smallest.keys(), [...new Set(list)].sort().slice(0, capacity));
    }),
    { seed: 8 },
  );
});

test('nothing is written for a corpus that is refused', async (t) => {
  const store = openMemoryStore();
  t.after(() => store.close());
  const options = await optionsFor(await temporaryFolder(t), store, { a: numbered(3, 'a') });
  await assert.rejects(buildCorpus(options), { reason: 'TOO_LITTLE_TEXT' });
  for await (const artifact of store.artifacts.list()) assert.fail(`found ${artifact.digest}`);
});
