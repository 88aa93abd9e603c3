// The floors of services/lib, the owners of dependencies, and the other rules of the house hold for the whole repository.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  floors,
  importCircles,
  MAX_LINES,
  missingDoors,
  ownerOf,
  type SourceFile,
  violations,
} from './support/house-rules.js';

/** Compiled tests run from dist/test. */
const repository = fileURLToPath(new URL('../../', import.meta.url));

function sources(folder: string): SourceFile[] {
  return readdirSync(`${repository}${folder}`, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(repository.length).replaceAll('\\', '/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(`${repository}${path}`, 'utf8') }));
}

describe('the repository', () => {
  const files = [...sources('services'), ...sources('test')];

  test('breaks no rule of the house', () => {
    const found = violations(files);
    assert.deepEqual(found, [], `\n${found.join('\n')}\n`);
  });

  test('has no circle of imports', () => {
    const found = importCircles(files);
    assert.deepEqual(found, [], `\n${found.join('\n')}\n`);
  });

  test('has a door to every noun, and every noun on a floor', () => {
    const found = missingDoors(files);
    assert.deepEqual(found, [], `\n${found.join('\n')}\n`);
  });

  test('names every noun once in the table and once in package.json', () => {
    const manifest = JSON.parse(readFileSync(`${repository}package.json`, 'utf8')) as {
      imports: Record<string, string>;
      dependencies: Record<string, string>;
    };
    const aliases = Object.keys(manifest.imports).filter((name) => name !== '#proto/*');
    const nouns = new Set(files.flatMap(({ path }) => /^services\/lib\/([^/]+)\//.exec(path)?.[1] ?? []));
    const missing = [...nouns].filter((noun) => !aliases.includes(`#${noun}`));
    assert.deepEqual(missing, [], 'nouns without an alias in package.json');
    const table = floors.flat();
    assert.equal(new Set(table).size, table.length, 'a noun stands on two floors');
  });

  test('has an owner for every dependency', () => {
    const manifest = JSON.parse(readFileSync(`${repository}package.json`, 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const orphans = Object.keys(manifest.dependencies).filter((name) => ownerOf(name) === undefined);
    assert.deepEqual(orphans, []);
  });
});

describe('a planted violation is found', () => {
  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    [
      'a higher floor',
      'services/lib/onnx/a.ts',
      "import { gradients } from '#autodiff';",
      /a\.ts:1 .*above it, on floor 2.*onnx is on floor 1/,
    ],
    [
      'a neighbour',
      'services/lib/autodiff/a.ts',
      "import { emitLoss } from '#nn';",
      /neighbour on its own floor/,
    ],
    [
      'a neighbour over two lines',
      'services/lib/nn/a.ts',
      "\nimport {\n  gradients,\n} from '#autodiff';",
      /a\.ts:4 imports #autodiff/,
    ],
    [
      'a neighbour by re-export',
      'services/lib/nn/a.ts',
      "export { gradients } from '#autodiff';",
      /neighbour/,
    ],
    ['a neighbour loaded later', 'services/lib/nn/a.ts', "const m = await import('#autodiff');", /neighbour/],
    ['a type of a neighbour', 'services/lib/nn/a.ts', "import type { Seed } from '#autodiff';", /neighbour/],
    [
      'a deep import by alias',
      'services/lib/nn/a.ts',
      "import { x } from '#onnx/infer/dims';",
      /import #onnx, its only door/,
    ],
    [
      'a deep import by path',
      'services/lib/nn/a.ts',
      "import { x } from '../onnx/ir.js';",
      /reaches into services\/lib\/onnx; import #onnx/,
    ],
    [
      'a deep import by a service',
      'services/scheduler/a.ts',
      "import { x } from '../lib/onnx/ir.js';",
      /import #onnx/,
    ],
    ["a noun's own door", 'services/lib/onnx/a.ts', "import { x } from '#onnx';", /its own door/],
    [
      'a noun that does not exist',
      'services/cli/a.ts',
      "import { x } from '#common';",
      /#common, which is on no floor/,
    ],
    [
      'another service',
      'services/scheduler/a.ts',
      "import { x } from '../student-trainer/engine.js';",
      /another service; ask it over gRPC/,
    ],
    [
      'a service in lib',
      'services/lib/train/a.ts',
      "import { x } from '../../scheduler/machine.js';",
      /nothing in services\/lib knows a service/,
    ],
    [
      'a package of another owner',
      'services/lib/nn/a.ts',
      "import koffi from 'koffi';",
      /koffi, which only services\/lib\/runtime may use/,
    ],
    [
      'a scoped package of another owner',
      'services/cli/a.ts',
      "import { a } from '@grpc/grpc-js';",
      /only services\/lib\/rpc/,
    ],
    [
      'part of a package of another owner',
      'services/cli/a.ts',
      "import { a } from '@opentelemetry/api/x';",
      /@opentelemetry\/api, which only/,
    ],
    [
      'a package resolved by name',
      'services/cli/a.ts',
      "require.resolve('onnxruntime-node/package.json');",
      /only services\/lib\/runtime/,
    ],
    [
      'a package resolved from here',
      'services/cli/a.ts',
      "createRequire(import.meta.url).resolve('koffi');",
      /only services\/lib\/runtime/,
    ],
    ['a package without owner', 'services/cli/a.ts', "import 'left-pad';", /left-pad, which has no owner/],
    [
      'protobuf outside generated code',
      'services/lib/onnx/a.ts',
      "import { BinaryReader } from '@bufbuild/protobuf/wire';",
      /only proto\/gen/,
    ],
    [
      'a contract that a noun does not know',
      'services/lib/train/a.ts',
      "import { x } from '#proto/ddk/v1/types';",
      /train does not know that contract/,
    ],
    [
      'generated code by its path',
      'services/lib/onnx/a.ts',
      "import { x } from '../../../proto/gen/onnx/onnx.js';",
      /use #proto/,
    ],
    [
      'the environment',
      'services/scheduler/handlers.ts',
      'const port = process.env.PORT;',
      /handlers\.ts:1 reads process\.env/,
    ],
    ['an export of everything', 'services/lib/onnx/index.ts', "export * from './ir.js';", /list the names/],
    [
      'an export of every type',
      'services/lib/onnx/index.ts',
      "export type * from './ir.js';",
      /list the names/,
    ],
    ['a default export', 'services/lib/onnx/a.ts', 'export default 1;', /export it by name/],
    [
      'a name in camel case',
      'services/lib/onnx/graphBuilder.ts',
      '',
      /graphBuilder\.ts: the file name is not in kebab-case/,
    ],
    ['a folder in camel case', 'services/lib/onnx/myPasses/a.ts', '', /the folder myPasses is not/],
    [
      'a file that is too long',
      'services/lib/onnx/a.ts',
      '//\n'.repeat(MAX_LINES + 1),
      /has 401 lines, of at most 400/,
    ],
  ];
  for (const [name, path, text, expected] of cases) {
    test(name, () => {
      const found = violations([{ path, text }]);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0]!, expected);
    });
  }

  test('a circle of imports, once, and whichever way it is entered', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => `services/lib/nn/${name}.ts`) as [string, string, string];
    const found = importCircles([
      { path: a, text: "import { b } from './b.js';\nimport { c } from './c.js';" },
      { path: b, text: "import { c } from './c.js';" },
      { path: c, text: "import { x } from './d.js';\nimport type { B } from './b.js';" },
    ]);
    assert.equal(found.length, 1, found.join('\n'));
    assert.ok(found[0]!.startsWith(`${b} -> ${c} -> ${b} is a circle`), found[0]);
  });

  test('a noun without a door, and one on no floor', () => {
    const found = missingDoors([{ path: 'services/lib/utils/a.ts', text: '' }]);
    assert.match(
      found.join('\n'),
      /services\/lib\/utils has no index\.ts[\s\S]*services\/lib\/utils is on no floor/,
    );
  });
});

describe('what is allowed is not reported', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['a lower floor', 'services/lib/train/a.ts', "import { gradients } from '#autodiff';"],
    ['its own files', 'services/lib/onnx/passes/a.ts', "import { x } from '../ir.js';"],
    ['any noun from a service', 'services/scheduler/a.ts', "import { x } from '#train';"],
    [
      'the services from the command line',
      'services/cli/embedded.ts',
      "import { x } from '../scheduler/machine.js';",
    ],
    [
      'its own package',
      'services/lib/runtime/a.ts',
      "import koffi from 'koffi';\nimport { a } from 'node:fs';",
    ],
    ['generated code', 'services/lib/onnx/a.ts', "import { ModelProto } from '#proto/onnx/onnx';"],
    [
      'the environment where a process begins',
      'services/scheduler/main.ts',
      'serve(readConfig(process.env));',
    ],
    ['the environment in a config', 'services/scheduler/config.ts', 'readConfig(process.env);'],
    [
      'an import in a comment',
      'services/lib/onnx/a.ts',
      "// import { x } from '#nn';\n/* process.env\n * import 'y' */",
    ],
    ['an address in a string', 'services/lib/onnx/a.ts', "const at = 'http://x'; // process.env"],
    ['exactly the longest file', 'services/lib/onnx/a.ts', '//\n'.repeat(MAX_LINES)],
    ['a promise that is resolved', 'services/cli/a.ts', "resolve('done'); this.#require('name');"],
  ];
  for (const [name, path, text] of cases) {
    test(name, () => assert.deepEqual(violations([{ path, text }]), []));
  }

  test('two ways to one file', () => {
    const text = "import { c } from './c.js';";
    const files = [
      { path: 'test/a.ts', text: `import { b } from './b.js';\n${text}` },
      { path: 'test/b.ts', text },
      { path: 'test/c.ts', text: '' },
    ];
    assert.deepEqual(importCircles(files), []);
  });
});
