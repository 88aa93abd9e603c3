// Brings a checkout to where it can run: installs the locked packages if they are missing, generates the protobuf code
// and compiles. Does only what is out of date, so a second call costs about a second.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `ddk needs Node 20.19 or newer; this is ${process.versions.node}. Install a newer Node and try again.`,
  );
  process.exit(1);
}

function run(what, command, args) {
  const started = Date.now();
  process.stderr.write(`${what} ... `);
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.status !== 0) {
    process.stderr.write(`failed\n${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}\n`);
    process.exit(1);
  }
  process.stderr.write(`${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

const digest = (files) => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
};

/** Runs `work` unless the stamp says that it ran for these very inputs and its product is still there. */
function once(name, inputs, product, work) {
  const stamp = path.join('node_modules', `.ddk-${name}`);
  const key = digest(inputs);
  if (existsSync(product) && existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  work();
  mkdirSync('node_modules', { recursive: true });
  writeFileSync(stamp, key);
}

const protos = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((e) => e.isFile() && e.name.endsWith('.proto'))
    .map((e) => path.join(e.parentPath ?? e.path, e.name))
    .sort();

once('installed', ['package-lock.json', '.npmrc'], 'node_modules', () =>
  run('installing packages', 'npm', ['ci', '--no-fund', '--no-audit']),
);
const contracts = [...protos('proto'), 'proto/buf.gen.yaml', '.ci/descriptors.mjs', 'package-lock.json'];
once('generated', contracts, 'proto/gen/descriptors.ts', () => {
  rmSync('proto/gen', { recursive: true, force: true });
  run('generating protobuf code', 'node_modules/.bin/buf', ['generate', '--template', 'proto/buf.gen.yaml']);
  run('describing the contracts', process.execPath, ['.ci/descriptors.mjs']);
});
run('compiling', process.execPath, ['node_modules/typescript/bin/tsc', '--pretty', 'false']);
