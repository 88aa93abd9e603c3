// A data folder: one process at work in it at a time, found by others, given up by the dead.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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
    await data.holding(async (claim) => {
      assert.equal((await data.holder())?.pid, process.pid);
      assert.equal((await data.holder())?.addresses, undefined);
      await claim.announce(addresses);
      assert.deepEqual((await data.holder())?.addresses, addresses);
      await assert.rejects(
        data.holding(async () => {}),
        /is at work/,
      );
    });
    assert.equal(await data.holder(), undefined);
    await data.close();
  }));

test('a folder that a live process holds is refused by its number', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(root);
    // The parent of this process is alive for as long as the test.
    const other = { pid: process.ppid, started: '', ...addresses };
    await writeFile(path.join(root, 'running.json'), JSON.stringify(other));
    await assert.rejects(
      data.holding(async () => {}),
      new RegExp(`Process ${process.ppid} is at work`),
    );
    assert.deepEqual(
      (await data.othersAtWork()).map(({ pid, holder }) => [pid, holder?.role]),
      [[process.ppid, 'command']],
    );
    assert.deepEqual(JSON.parse(await readFile(path.join(root, 'running.json'), 'utf8')), other);
    await data.close();
  }));

test('what a killed process or a torn write left behind is taken over', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(root);
    // The last has this test's parent's number, but began at another time.
    const dead = [
      JSON.stringify({ pid: 2 ** 30, started: '', ...addresses }),
      '{"pid": 12',
      '[]',
      JSON.stringify({ pid: process.ppid, started: 'an earlier boot/1' }),
    ];
    for (const left of process.platform === 'linux' ? dead : dead.slice(0, 3)) {
      await writeFile(path.join(root, 'running.json'), left);
      assert.equal(await data.holder(), undefined);
      await data.holding(async () => assert.equal((await data.holder())?.pid, process.pid));
    }
    await data.close();
  }));

test('a process that writes is known to others until it is done', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(root);
    await data.writing(async () => {
      const text = await readFile(path.join(root, 'writers', `${process.pid}.json`), 'utf8');
      await writeFile(
        path.join(root, 'writers', '1.json'),
        JSON.stringify({ ...JSON.parse(text), pid: process.ppid, started: '' }),
      );
      assert.deepEqual(await data.othersAtWork(), [{ pid: process.ppid, holder: undefined }]);
    });
    await rm(path.join(root, 'writers', '1.json'));
    assert.deepEqual(await data.othersAtWork(), []);
    await data.close();
  }));

test('looking into a folder that is not there makes nothing, and finds nothing', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(path.join(root, 'a', 'b'), { create: false });
    assert.deepEqual(await data.store.records.list('runs/'), []);
    assert.equal(await data.holder(), undefined);
    await data.close();
    assert.deepEqual(await readdir(root), []);
    const file = path.join(root, 'file');
    await writeFile(file, '');
    for (const create of [true, false])
      await assert.rejects(openDataFolder(file, { create }), {
        message: `${file} cannot hold runs: it is a file; give another folder with --data.`,
      });
  }));

test('looking into a folder with runs finds them', () =>
  inFolder(async (root) => {
    const made = await openDataFolder(root);
    await made.store.records.create('runs/one', Buffer.from('x'));
    await made.close();
    const data = await openDataFolder(root, { create: false });
    assert.equal((await data.store.records.list('runs/')).length, 1);
    await data.close();
  }));

test('a folder that cannot be claimed or written is a sentence without names of unfinished files', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(path.join(root, 'data'));
    await rm(path.join(root, 'data'), { recursive: true });
    await writeFile(path.join(root, 'data'), '');
    const sentence = `${path.join(root, 'data')} cannot hold runs: a part of its path is a file; give another folder with --data.`;
    await assert.rejects(
      data.holding(async () => {}),
      { message: sentence },
    );
    await assert.rejects(
      data.writing(async () => {}),
      { message: sentence },
    );
  }));

test('a folder that a scheduler holds is refused with the address to go through', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(root);
    const other = { pid: process.ppid, started: '', role: 'scheduler' };
    const hold = () => data.holding(async () => {});
    await writeFile(path.join(root, 'running.json'), JSON.stringify(other));
    await assert.rejects(hold(), /a scheduler that is starting\. Go through it with --scheduler/);
    await writeFile(
      path.join(root, 'running.json'),
      JSON.stringify({ ...other, schedulerAddress: '127.0.0.1:7' }),
    );
    await assert.rejects(
      hold(),
      new RegExp(
        `Process ${process.ppid} .* the scheduler at 127\\.0\\.0\\.1:7: .* --scheduler 127\\.0\\.0\\.1:7,`,
      ),
    );
    await data.writing(async () => {});
    await data.close();
  }));

test('nobody begins to write while garbage is collected', () =>
  inFolder(async (root) => {
    const data = await openDataFolder(root);
    await writeFile(
      path.join(root, 'running.json'),
      JSON.stringify({ pid: process.ppid, started: '', role: 'collector' }),
    );
    const begin = () => data.writing(async () => {});
    await assert.rejects(begin(), /`ddk gc` deletes what nobody needs\. Try again when it has ended\./);
    assert.deepEqual(await readdir(path.join(root, 'writers')), []);
    await rm(path.join(root, 'running.json'));
    await begin();
    await data.close();
  }));
