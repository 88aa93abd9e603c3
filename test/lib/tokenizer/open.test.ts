import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { assertSameTokenizer, byteLevelTokenizerJson, createTokenizer, openTokenizer } from '#tokenizer';
import { temporaryFolder } from '../../support/temporary-folder.js';

const folder = 'test/fixtures/tokenizer';
const create = (json: unknown, config: unknown, where: string) => createTokenizer({ json, config, where });
const byteLevel = () => JSON.parse(byteLevelTokenizerJson());

test('the byte-level tokenizer has 257 tokens, and bytes are their own ids', () => {
  const tokenizer = create(byteLevel(), undefined, 'x');
  assert.equal(tokenizer.vocabSize, 257);
  assert.equal(tokenizer.endOfText, 256);
  assert.deepEqual([...tokenizer.encode('a é')], [0x61, 0x20, 0xc3, 0xa9]);
});

test('the byte-level tokenizer is the file whose ids Python has computed', async () => {
  assert.equal(byteLevelTokenizerJson(), await readFile(`${folder}/byte-level.json`, 'utf8'));
});

test('a folder opens by its tokenizer.json and takes the end of text from tokenizer_config.json', async (t) => {
  const path = await temporaryFolder(t);
  const { added_tokens, ...rest } = byteLevel();
  const stop = { ...added_tokens[0], id: 300, content: '<stop>' };
  await writeFile(
    join(path, 'tokenizer.json'),
    JSON.stringify({ ...rest, added_tokens: [...added_tokens, stop] }),
  );
  assert.equal((await openTokenizer(path)).endOfText, 256);
  for (const eos_token of ['<stop>', { content: '<stop>', special: true }]) {
    await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify({ eos_token }));
    const tokenizer = await openTokenizer(path);
    assert.equal(tokenizer.endOfText, 300);
    assert.equal(tokenizer.vocabSize, 301, 'the largest id counts, added tokens included');
    assert.deepEqual(
      await openTokenizer(join(path, 'tokenizer.json')).then((x) => x.fingerprint),
      tokenizer.fingerprint,
    );
  }
  await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify({ eos_token: '<gone>' }));
  await assert.rejects(openTokenizer(path), {
    code: 'failed_precondition',
    message: /"<gone>" named as eos_token/,
  });
});

test('without any end-of-text token the error says what was looked for', () => {
  const { vocab } = byteLevel().model;
  delete vocab['<|endoftext|>'];
  const json = { ...byteLevel(), added_tokens: [], model: { ...byteLevel().model, vocab } };
  assert.throws(() => create(json, {}, 'file.json'), {
    code: 'failed_precondition',
    message: /file\.json has no end-of-text token: none of <\|endoftext\|> .*<\/s>.* sets eos_token/,
  });
});

test('fingerprints do not depend on the order or layout of the file, and do on its vocabulary', () => {
  const first = create(byteLevel(), undefined, 'x').fingerprint;
  const reordered = Object.fromEntries(Object.entries(byteLevel()).reverse());
  assert.equal(create({ ...reordered, truncation: { max_length: 5 } }, {}, 'y').fingerprint, first);
  const other = byteLevel();
  [other.model.vocab.a, other.model.vocab.b] = [other.model.vocab.b, other.model.vocab.a];
  assert.notEqual(create(other, undefined, 'x').fingerprint, first);
});

test('tokenizers that differ are told apart by their first difference', async () => {
  const same = (a: object, b: object) => assertSameTokenizer(create(a, {}, 'a'), create(b, {}, 'b'));
  same(byteLevel(), { ...byteLevel(), pre_tokenizer: { ...byteLevel().pre_tokenizer, use_regex: true } });

  const gpt = JSON.parse(await readFile(`${folder}/gpt.json`, 'utf8'));
  const expectation = { code: 'failed_precondition', reason: 'TOKENIZERS_DIFFER' };
  assert.throws(() => same(byteLevel(), gpt), {
    ...expectation,
    message: /the teacher has 257 tokens .* student has 400/,
  });

  const swapped = byteLevel();
  [swapped.model.vocab.a, swapped.model.vocab.b] = [98, 97];
  assert.throws(() => same(byteLevel(), swapped), {
    ...expectation,
    message: /token 97 is "a" in the teacher and "b"/,
  });

  const merges = { ...gpt, model: { ...gpt.model, merges: gpt.model.merges.slice(0, -1) } };
  assert.throws(() => same(gpt, merges), {
    ...expectation,
    message: /in the probe text, after \d+ equal tokens/,
  });
});

test('files that are no tokenizers are refused by name', async (t) => {
  const path = await temporaryFolder(t);
  const file = join(path, 'tokenizer.json');
  await assert.rejects(openTokenizer(path), { code: 'not_found', message: new RegExp(file) });
  const refused: readonly (readonly [content: string, message: RegExp])[] = [
    ['{', /is not valid JSON/],
    ['['.repeat(100_000), /is not valid JSON/],
    ['[]', /not a JSON object/],
    ['{}', /"model" is missing/],
    ['{"model":{}}', /"model.vocab" is missing/],
    ['{"model":{"vocab":{"a":-1}}}', /id of "a" is not from 0/],
    ['{"model":{"vocab":{"a":1e12}}}', /id of "a" is not from 0/],
    ['{"model":{"vocab":{}}}', /vocabulary is empty/],
    ['{"model":{"type":"Quantum","vocab":{"a":0}}}', /model type "Quantum" is none of BPE/],
    ['{"model":{"type":"BPE","vocab":{"a":0},"merges":5}}', /cannot be loaded/],
    ['{"model":{"vocab":{"a":0}},"added_tokens":[{"content":"","id":1}]}', /with id 1 is empty/],
    ['{"model":{"vocab":{"a":0}},"added_tokens":[{"content":"b"}]}', /needs a "content" and an "id"/],
    ['{"model":{"vocab":{"a":0}},"normalizer":"lower"}', /"normalizer" must be an object/],
  ];
  for (const [content, message] of refused) {
    await writeFile(file, content);
    await assert.rejects(openTokenizer(file), { code: 'invalid_argument', message }, content.slice(0, 80));
  }
});
