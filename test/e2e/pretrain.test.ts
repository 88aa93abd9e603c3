// A model from scratch, and again once its training has ended.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

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
  assert.match(stderr, /^ddk: text\/mail\/1\.txt is not JSON .*; give a tokenizer\.json\.\n$/);
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
