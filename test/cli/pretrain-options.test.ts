// The options of `ddk pretrain`: what cannot be is refused by the option's name before any text is read.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { DdkError } from '#base';
import { parseDecoderConfig } from '#nn';
import { planPretrain } from '../../services/cli/commands/pretrain.js';
import { inOptions, textInOptions, trainedElsewhere } from '../../services/cli/pretrain/in-options.js';
import { type PretrainOptions, settingsOf } from '../../services/cli/pretrain/read-options.js';
import { requireMemory } from '../../services/cli/pretrain/requirements.js';
import { refusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const options: PretrainOptions = {
  text: ['mail=text/mail,more/*.txt', 'code=text/code'],
  hidden: 128,
  layers: 4,
  heads: 4,
  length: 128,
  batch: 16,
  steps: 500,
  lr: 2e-3,
  validation: 50,
  seed: 0,
  threads: 0,
  provider: 'auto',
};

test('domains come with their paths, and with shares where some are given', () => {
  assert.deepEqual(settingsOf({ ...options, weight: ['mail=3'] }).domains, [
    { name: 'mail', paths: [resolve('text/mail'), resolve('more/*.txt')], share: 3 },
    { name: 'code', paths: [resolve('text/code')], share: 0 },
  ]);
});

for (const [changes, sentence] of [
  [{ weight: ['mail=0'] }, '--weight must be above 0 for one domain at least.'],
  [{ weight: ['mail=-1', 'code=1'] }, '--weight must be a number from 0 for "mail", is "-1".'],
  [{ weight: ['male=1'] }, '--weight names "male", which is no domain given with --text.'],
  [{ weight: ['mail'] }, '--weight "mail" is not of the form name=value.'],
  [{ text: ['mail=a', 'mail=b'] }, '--text names "mail" twice.'],
  [{ text: ['mail=a,'] }, '--text "mail=a," has an empty path.'],
  [{ kvHeads: 3 }, '--kv-heads 3 does not divide --heads 4.'],
  [{ heads: 3 }, '--heads 3 does not divide --hidden 128.'],
  [
    { hidden: 6, heads: 2 },
    '--hidden 6 over --heads 2 gives heads of 3; it must be an even number, because rotary positions turn pairs.',
  ],
  [
    { kvHeads: 3, weight: ['mail=0'] },
    '--weight must be above 0 for one domain at least; --kv-heads 3 does not divide --heads 4.',
  ],
] as const)
  test(`refused: ${sentence}`, () => {
    const error = refusal(() => settingsOf({ ...options, ...changes }));
    assert.equal(error.code, 'invalid_argument');
    assert.equal(error.message, sentence);
    assert.ok(error.violations.every(({ field }) => field.startsWith('--')));
  });

test('a place that is taken or cannot be made is refused before the training', async (t) => {
  const root = await temporaryFolder(t);
  await mkdir(join(root, 'taken'));
  await assert.rejects(planPretrain(join(root, 'taken'), options), { code: 'already_exists' });
  assert.equal((await planPretrain(join(root, 'a', 'b'), options)).folder, join(root, 'a', 'b'));
  if (process.platform === 'linux')
    await assert.rejects(planPretrain('/proc/out', options), {
      message: '/proc cannot hold the model: no folder can be made there; give another place.',
    });
});

test('a model or a step that is larger than the memory is refused by the options that make it so', () => {
  const config = parseDecoderConfig(
    {
      model_type: 'llama',
      vocab_size: 257,
      hidden_size: 16,
      intermediate_size: 32,
      num_hidden_layers: 1,
      num_attention_heads: 2,
    },
    'a small model',
  );
  const settings = settingsOf(options);
  requireMemory(config, settings, 2 ** 30);
  assert.match(
    refusal(() => requireMemory(config, settings, 1000)).message,
    /^--hidden, --layers, --intermediate give .* parameters, .* 1000 B; lower one of them; --batch, --length give/,
  );
  assert.match(
    refusal(() => requireMemory(config, { ...settings, batch: 65_536, length: 100_000 }, 2 ** 30)).message,
    /^--batch, --length give 6\.55G positions a step, .* 1\.00 GiB; lower one of them\.$/,
  );
});

test('a loss that is no number any more is said with the option that is at fault', () => {
  const loss = new DdkError('failed_precondition', 'step 2 has loss NaN', { reason: 'LOSS_NOT_FINITE' });
  assert.equal(
    inOptions(loss, 2, 0.9).message,
    'Step 2 came to a loss or a gradient that is no finite number any more: give a --lr below 0.9.',
  );
  const other = new DdkError('cancelled', 'Stopping.');
  assert.equal(inOptions(other, 2, 0.9), other);
});

test('too little text is said with the options that name it and ask for it', () => {
  const description =
    'has 60 documents of at least 32 bytes, and 100 are needed (validationSamples 50, and as many to train on); add text or set validationSamples to at most 30';
  const error = new DdkError(
    'failed_precondition',
    `There is too little text: domains["prose"] ${description}.`,
    {
      violations: [{ field: 'domains["prose"]', description }],
      reason: 'TOO_LITTLE_TEXT',
    },
  );
  const told = textInOptions(error);
  assert.equal(
    told.message,
    'There is too little text: --text prose has 60 documents of at least 32 bytes, and 100 are needed (--validation 50, and as many to train on); add text or set --validation to at most 30.',
  );
  assert.equal(told.violations[0]?.field, '--text prose');
  const other = new DdkError('cancelled', 'Stopping.');
  assert.equal(textInOptions(other), other);
});

test('of two processes that train one model, the one that is beaten says so', () => {
  for (const code of ['already_exists', 'aborted'] as const)
    assert.match(
      trainedElsewhere(new DdkError(code, 'Record pretrain/7ef4 exists already.')).message,
      /^Another process is training this model, .*: wait for it to end\./,
    );
  const other = new DdkError('resource_exhausted', 'The store is full.');
  assert.equal(trainedElsewhere(other), other);
});
