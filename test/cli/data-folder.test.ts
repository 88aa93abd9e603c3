// A data folder: one process at work in it at a time, found by others, given up by the dead.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { openDataFolder } from '../../services/cli/data-folder.js';

const addresses = { schedulerAddress: '127.0.0.1:1', evaluatorAddress: '127.0.0.1:2' };

async function inFolder(body: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(path.join(tmpdir(), 'ddk-data-'));
  try {
    await body(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

test('whoever is at work is found, and gone once it lets go', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(root);
    assert.equal(await data.holder(), undefined);
    const release = await data.claim(addresses);
    assert.deepEqual(await data.holder(), { pid: process.pid, ...addresses });
    await release();
    assert.equal(await data.holder(), undefined);
    await data.close();
  }));

test('a folder that a live process holds is refused by its number', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(root);
    // The parent of this process is alive for as long as the test.
    const other = { pid: process.ppid, ...addresses };
    await writeFile(path.join(root, 'running.json'), JSON.stringify(other));
    await assert.rejects(data.claim(addresses), new RegExp(`Process ${process.ppid} is at work`));
    assert.deepEqual(JSON.parse(await readFile(path.join(root, 'running.json'), 'utf8')), other);
    await data.close();
  }));

test('what a killed process or a torn write left behind is taken over', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(root);
    for (const left of [JSON.stringify({ pid: 2 ** 30, ...addresses }), '{"pid": 12', '[]']) {
      await writeFile(path.join(root, 'running.json'), left);
      assert.equal(await data.holder(), undefined);
      const release = await data.claim(addresses);
      assert.equal((await data.holder())?.pid, process.pid);
      await release();
    }
    await data.close();
  }));
