// What the demonstration keeps from one time to the next, and what it throws away.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { demoFolder, prepareDemonstration } from '../../services/cli/demo/demo.js';

test('what was made from the same text is kept, what was made from other text is thrown away', async () => {
  const data = await mkdtemp(path.join(tmpdir(), 'ddk-demo-'));
  try {
    const texts = await prepareDemonstration(data, false);
    assert.ok(texts.length >= 5 && texts.every((t) => t.documents > 0));
    const model = path.join(demoFolder(data), 'teacher', 'model.safetensors');
    await mkdir(path.dirname(model));
    await writeFile(model, '');
    assert.deepEqual(await prepareDemonstration(data, false), texts);
    await stat(model);

    const stamp = path.join(demoFolder(data), 'made-from');
    const made = await readFile(stamp, 'utf8');
    const told: string[] = [];
    const tell = (sentence: string) => void told.push(sentence);
    assert.deepEqual(await prepareDemonstration(data, false, tell), texts);
    assert.deepEqual(told, []);
    await writeFile(stamp, 'something else');
    assert.deepEqual(await prepareDemonstration(data, false, tell), texts);
    assert.match(
      told.join(),
      /^The installed packages, .* have changed since \d{4}-\d\d-\d\d \d\d:\d\d, so .* starts afresh\.$/,
    );
    await writeFile(stamp, made.replace(/\n.*\n$/, '\nother settings\n'));
    await prepareDemonstration(data, false, tell);
    assert.match(told[1] ?? '', /^The settings of the demonstration have changed since /);
    await assert.rejects(stat(model), { code: 'ENOENT' });
    assert.equal(await readFile(stamp, 'utf8'), made);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
});
