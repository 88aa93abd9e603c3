// What a record and a manifest say a run is about, and what is said where they do not.
import assert from 'node:assert/strict';
import test from 'node:test';
import { decoderConfigJson } from '#nn';
import { ModelManifest, Run, RunSpec } from '#proto/ddk/v1/types';
import { openMemoryStore } from '#store';
import { byteLevelTokenizerJson } from '#tokenizer';
import { readRunSpec, readStudent } from '#work';
import { tinyConfig } from '../../support/training.js';

test("a run's spec is read from its record", async () => {
  const store = openMemoryStore();
  const spec = RunSpec.fromPartial({ name: 'tiny', corpusDigest: 'sha256:c' });
  await store.records.create('runs/r1', Run.encode(Run.fromPartial({ id: 'r1', spec })).finish());
  await store.records.create('runs/r2', Run.encode(Run.fromPartial({ id: 'r2' })).finish());
  assert.deepEqual(await readRunSpec(store, 'r1'), spec);
  await assert.rejects(readRunSpec(store, 'r2'), { code: 'data_loss', message: /run r2 has no spec/ });
  await assert.rejects(readRunSpec(store, 'r3'), { code: 'not_found', message: /no run r3/ });
});

test("a student's configuration and tokenizer are read from the artifacts of its manifest", async () => {
  const { artifacts } = openMemoryStore();
  const put = async (text: string) => (await artifacts.put(Buffer.from(text))).digest;
  const manifest = async (change: Partial<ModelManifest>) =>
    (await artifacts.put(ModelManifest.encode(ModelManifest.fromPartial(change)).finish())).digest;
  const configDigest = await put(JSON.stringify(decoderConfigJson(tinyConfig)));
  const tokenizerDigest = await put(byteLevelTokenizerJson());

  const student = await readStudent(artifacts, await manifest({ configDigest, tokenizerDigest }));
  assert.equal(student.config.hiddenSize, tinyConfig.hiddenSize);
  const tokenizer = await student.tokenizer();
  assert.deepEqual(tokenizer.json, JSON.parse(byteLevelTokenizerJson()));
  assert.equal(tokenizer.config, undefined);

  const broken = await put('{');
  await assert.rejects(readStudent(artifacts, broken), {
    code: 'invalid_argument',
    message: `Artifact ${broken} is not the manifest of a student; give the digest that its upload gave.`,
  });
  await assert.rejects(readStudent(artifacts, await manifest({ configDigest: broken })), {
    code: 'invalid_argument',
    message: /the student's config\.json \(sha256:.*\) is not JSON; upload the student again/,
  });
  const half = await readStudent(artifacts, await manifest({ configDigest, tokenizerDigest: broken }));
  await assert.rejects(half.tokenizer(), { code: 'invalid_argument', message: /student's tokenizer\.json/ });
  const missing = `sha256:${'0'.repeat(64)}`;
  await assert.rejects(readStudent(artifacts, await manifest({ configDigest: missing })), {
    code: 'not_found',
  });
});
