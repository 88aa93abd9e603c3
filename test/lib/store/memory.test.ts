// The store in memory keeps the contract, and takes its files with it.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { openMemoryStore } from '#store';
import { bytesOf, storeContract } from './contract.js';

storeContract('memory', async () => openMemoryStore());

test('closing a store in memory removes the files it made', async () => {
  const store = openMemoryStore();
  const path = await store.artifacts.localPath((await store.artifacts.put(bytesOf('x'))).digest);
  assert.ok(existsSync(path));
  await store.close();
  assert.ok(!existsSync(path));
});
