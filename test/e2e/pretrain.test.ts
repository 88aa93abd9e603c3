// A model from scratch: again once its training has ended, by shares, and as the student of a teacher that is there.
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { parse, stringify } from 'yaml';
import { sha256Hex } from '#base';
import { resultOf, succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

let world: TinyWorld;
before(async () => {
  world = await tinyWorld();
});
after(() => world.remove());

const shape = ['--hidden', '16', '--layers', '1', '--heads', '2', '--length', '24', '--batch', '2'];
const pretrain = [
  'pretrain',
  'small',
  '--text',
  'mail=text/mail',
  ...shape,
  '--steps',
  '3',
  '--validation',
  '2',
];

test('a tokenizer that is none is refused by its name', async () => {
  const args = ['pretrain', 'new', '--text', 'mail=text/mail', '--tokenizer', 'text/mail/1.txt'];
  const { code, stderr } = await world.ddk(args);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^ddk: text\/mail\/1\.txt is not valid JSON .*; give it as Hugging Face writes it\.\n$/,
  );
});

test('a batch that no memory holds is refused by its options, before the text is read', async () => {
  const args = ['pretrain', 'wide', '--text', 'mail=text/none', '--batch', '65536', '--length', '1048576'];
  const { code, stderr } = await world.ddk(args);
  assert.equal(code, 1);
  assert.match(stderr, /^ddk: --batch, --length give 68\.7G positions a step, .*; lower one of them\.\n$/);
});

test('a training that has ended is not repeated, and has no last loss of its own to tell', async () => {
  const first = await succeeds(world, pretrain);
  assert.match(first.stderr, /^training small: .* parameters, 3 steps, last loss \d\.\d{3}$/m);
  await rm(join(world.folder, 'small'), { recursive: true });
  const again = await succeeds(world, pretrain);
  assert.match(again.stderr, /^training small: continuing after step 3$/m);
  assert.match(again.stderr, /^training small: .* parameters, 3 steps$/m);
  assert.doesNotMatch(again.stderr, /NaN/);
});

test('domains are drawn by the shares that are asked for, whatever their sum', async () => {
  const trained = async (out: string, ...weights: string[]): Promise<string> => {
    const text = ['--text', 'mail=text/mail', '--text', 'code=text/code.jsonl'];
    const asked = weights.flatMap((weight) => ['--weight', weight]);
    const rest = ['--steps', '4', '--validation', '2'];
    await succeeds(world, ['pretrain', out, ...text, ...asked, ...shape, ...rest]);
    return sha256Hex(await readFile(join(world.folder, out, 'model.safetensors')));
  };
  const quarter = await trained('quarter', 'mail=1', 'code=3');
  assert.equal(await trained('eighths', 'mail=2', 'code=6'), quarter);
  assert.notEqual(await trained('by-tokens'), quarter);
  assert.notEqual(await trained('mail-alone', 'mail=1'), quarter);
  const unknown = await world.ddk([
    'pretrain',
    'x',
    '--text',
    'mail=text/mail',
    '--weight',
    'maul=1',
    '--weight',
    'mail',
  ]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /--weight names "maul", which is no domain given with --text/);
  assert.match(unknown.stderr, /--weight "mail" is not of the form name=value/);
});

test('from a teacher and text to a run: a student like the teacher, a spec that fits both, and nothing to correct', async () => {
  const tokenizer = await readFile('test/fixtures/tokenizer/gpt.json', 'utf8');
  // More rows than the tokenizer has ids, as published models have.
  await world.model('real', { vocabSize: 512, maxPositions: 40 }, tokenizer);
  await mkdir(join(world.folder, 'source/deep'), { recursive: true });
  for (let i = 0; i < 8; i++) {
    const code = `export const value${i} = ${i};\n// and what it is good for, number ${i}\n`;
    await writeFile(join(world.folder, i % 2 ? 'source' : 'source/deep', `${i}.ts`), code.repeat(4));
  }
  const text = ['--text', 'mail=text/mail', '--text', 'code=source/**/*.{ts,js}'];
  const small = [
    '--hidden',
    '16',
    '--layers',
    '1',
    '--heads',
    '2',
    '--batch',
    '2',
    '--steps',
    '2',
    '--validation',
    '2',
  ];
  const folder = await world.ddk(['pretrain', 'pupil', '--like', 'real', '--text', 'code=source', ...small]);
  assert.match(
    folder.stderr,
    /this one holds 8 \.ts: name those that are text by a pattern such as ".*source\/\*\*\/\*\.ts"/,
  );

  await succeeds(world, ['pretrain', 'pupil', '--like', 'real', ...text, ...small]);
  const models = ['--teacher', 'real', '--student', 'pupil'];
  const written = resultOf(await succeeds(world, ['init', 'first.yaml', ...models, ...text, '--json']));
  // Neither more than the teacher takes nor than the student was made for.
  assert.deepEqual(written, { file: 'first.yaml', sequenceLength: 40 });
  // Only smaller: what init writes is meant for hours and for thousands of documents.
  const file = join(world.folder, 'first.yaml');
  const spec = parse(await readFile(file, 'utf8')) as Record<string, Record<string, unknown>>;
  Object.assign(spec.corpus!, { validationSamples: 2 });
  Object.assign(spec.training!, { intervals: 1, intervalSteps: 2, batchSize: 2 });
  await writeFile(file, stringify(spec));
  const done = await succeeds(world, ['run', 'first.yaml']);
  assert.match(done.stderr, /^succeeded$/m);
});

test('init refuses models that do not go together, and needs none', async () => {
  const apart = await world.ddk(['init', 'apart.yaml', '--teacher', 'real', '--student', 'student']);
  assert.equal(apart.code, 1);
  assert.match(apart.stderr, /^ddk: The tokenizers of the teacher and the student differ/m);
  await mkdir(join(world.folder, 'elsewhere'));
  const alone = resultOf(await succeeds(world, ['init', 'elsewhere/alone.yaml', '--json']));
  assert.equal(alone.sequenceLength, 512);
});
