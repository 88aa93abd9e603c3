// Writes what servers tell of themselves by reflection as the module proto/gen/descriptors.ts: the compiled descriptors of
// every contract that they may serve, and of the messages that errors carry, with their comments.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const packageFolder = (name) => path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
const health = path.join(packageFolder('grpc-health-check'), 'proto');
const reflection = path.join(packageFolder('@grpc/reflection'), 'build/proto');

const scratch = mkdtempSync(path.join(tmpdir(), 'ddk-descriptors-'));

/** The files of a folder with all that they import, as buf compiles them. */
function compiled(folder, ...args) {
  const image = path.join(scratch, 'image.binpb');
  const done = spawnSync(
    'node_modules/.bin/buf',
    ['build', folder, '--as-file-descriptor-set', ...args, '-o', image],
    {
      encoding: 'utf8',
    },
  );
  if (done.status !== 0) throw new Error(`buf cannot compile ${folder}: ${done.stdout}${done.stderr}`);
  return fromBinary(FileDescriptorSetSchema, readFileSync(image)).file;
}

try {
  const files = new Map(
    [
      ...compiled('.', '--exclude-path', 'proto/onnx'),
      ...compiled(health),
      ...compiled(reflection, '--path', path.join(reflection, 'grpc')),
    ].map((file) => [file.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString('base64')]),
  );
  const lines = [...files].map(
    ([name, bytes]) => `  ${JSON.stringify(name)}:\n    ${JSON.stringify(bytes)},`,
  );
  const head =
    '// Made by .ci/descriptors.mjs: a google.protobuf.FileDescriptorProto in base64 for every .proto file, by its name.';
  const type = 'Readonly<Record<string, string>>';
  writeFileSync(
    'proto/gen/descriptors.ts',
    `${head}\nexport const descriptors: ${type} = {\n${lines.join('\n')}\n};\n`,
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
