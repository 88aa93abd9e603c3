// The contracts: clean by buf's rules, and never broken against the committed baseline, all without a network.
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const baseline = path.join(root, 'proto/baseline.binpb');

function buf(folder: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(path.join(root, 'node_modules/.bin/buf'), args, { cwd: folder, encoding: 'utf8' });
}

/** Runs `buf breaking` on a copy of the contracts in which `change` has been made to one file. */
function breakingAfter(file: string, change: (text: string) => string): SpawnSyncReturns<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'ddk-proto-'));
  try {
    cpSync(path.join(root, 'proto'), path.join(folder, 'proto'), {
      recursive: true,
      filter: (source) => !source.includes(`${path.sep}gen`),
    });
    cpSync(path.join(root, 'buf.yaml'), path.join(folder, 'buf.yaml'));
    const target = path.join(folder, file);
    const before = readFileSync(target, 'utf8');
    const after = change(before);
    assert.notEqual(after, before, 'the change has found what it changes');
    writeFileSync(target, after);
    return buf(folder, 'breaking', '--against', baseline);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the contracts are clean by the STANDARD rules', () => {
  const { status, stdout, stderr } = buf(root, 'lint');
  assert.equal(status, 0, stdout + stderr);
});

test('the contracts break nothing that the baseline promises', () => {
  const { status, stdout, stderr } = buf(root, 'breaking', '--against', baseline);
  assert.equal(status, 0, stdout + stderr);
});

test('a field that changes its number is caught', () => {
  const { status, stdout } = breakingAfter('proto/ddk/v1/types.proto', (text) =>
    text.replace('double alpha = 2;', 'double alpha = 22;'),
  );
  assert.notEqual(status, 0);
  assert.match(stdout, /types\.proto.*"2".*"alpha".*"MixtureSpec"/);
});

test('an RPC that goes away is caught', () => {
  const { status, stdout } = breakingAfter('proto/ddk/v1/teacher_scoring.proto', (text) =>
    text.replace('rpc DescribeModel(DescribeModelRequest) returns (DescribeModelResponse);', ''),
  );
  assert.notEqual(status, 0);
  assert.match(stdout, /RPC "DescribeModel"/);
});
