// The whole check of a prepared checkout: lint and format, protocol buffers, then every test. The type check has run
// in prepare.mjs, which compiles. Ends with the test runner's own summary; exits non-zero at the first thing that fails.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

function run(what, command, args) {
  process.stderr.write(`\n== ${what}\n`);
  const done = spawnSync(command, args, { stdio: 'inherit' });
  if (done.status !== 0) {
    process.stderr.write(`${what} failed.\n`);
    process.exit(done.status ?? 1);
  }
}

/** Compiled test files that still have a source; outputs of deleted tests are removed. */
function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => {
      const source = path.relative('dist', file).replace(/\.js$/, '.ts');
      if (!existsSync(source)) rmSync(file);
      return existsSync(source);
    })
    .sort();
}

run('lint and format', 'node_modules/.bin/biome', ['ci', '--error-on-warnings', '.']);
run('buf lint', 'node_modules/.bin/buf', ['lint']);
run('buf breaking', 'node_modules/.bin/buf', ['breaking', '--against', 'proto/baseline.binpb']);
run('tests', process.execPath, [
  '--test',
  '--test-concurrency=2',
  '--test-reporter=spec',
  ...testFiles('dist/test'),
]);
