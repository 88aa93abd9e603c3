// Models on disk: self-contained, with external data, and with external data that cannot be trusted.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { DdkError, type ErrorCode } from '#base';
import {
  encodeModel,
  formatModel,
  GraphBuilder,
  isExternal,
  type Model,
  readModel,
  tensor,
  writeModel,
} from '#onnx';
import { openRuntime } from '#runtime';

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ddk-onnx-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function model(): Model {
  const b = new GraphBuilder('weights');
  const x = b.input('x', 'float32', [1, 4]);
  const first = b.constant(
    tensor(
      'float32',
      [4, 4],
      Array.from({ length: 16 }, (_, i) => i),
    ),
    'first',
  );
  const second = b.constant(
    tensor(
      'float32',
      [4, 2],
      Array.from({ length: 8 }, (_, i) => -i),
    ),
    'second',
  );
  b.output('y', b.matmul(b.matmul(x, first), second));
  return b.build();
}

const rejectsAs = (promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> =>
  assert.rejects(
    promise,
    (error) => error instanceof DdkError && error.code === code && message.test(error.message),
  );

test('a small model is one file and comes back', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'small.onnx');
    await writeModel(model(), path);
    assert.deepEqual(await readdir(folder), ['small.onnx']);
    assert.equal(formatModel(await readModel(path)), formatModel(model()));
  }));

test('large tensors lie beside the model, aligned, and ONNX Runtime finds them', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'large.onnx');
    await writeModel(model(), path, { externalThresholdBytes: 32 });
    const files = await readdir(folder);
    assert.equal(files.length, 2);
    assert.match(files.join(), /large\.[0-9a-f]{16}\.data,large\.onnx/);
    const read = await readModel(path);
    const places = [...read.graph.initializers.values()].filter(isExternal);
    assert.deepEqual(
      places.map(({ offset, length }) => [offset, length]),
      [
        [0, 64],
        [65_536, 32],
      ],
    );
    const runtime = await openRuntime();
    const feeds = { x: tensor('float32', [1, 4], [1, 2, 3, 4]) };
    const results = [];
    for (const source of [path, encodeModel(model())]) {
      const session = await runtime.createSession(source, { provider: 'cpu', threads: 1 });
      results.push((await session.run(feeds)).y);
      await session.close();
    }
    await runtime.close();
    assert.deepEqual(results[0], results[1]);
  }));

test('weights that are missing, cut short or behind a link are refused', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'm.onnx');
    await writeModel(model(), path, { externalThresholdBytes: 1 });
    const data = join(folder, (await readdir(folder)).find((name) => name.endsWith('.data'))!);
    await truncate(data, 65_540);
    await rejectsAs(readModel(path), 'data_loss', /has 65540 bytes and the model needs 65568/);
    await rm(data);
    await rejectsAs(readModel(path), 'not_found', /cannot be opened/);
    await inFolder(async (elsewhere) => {
      await writeFile(join(elsewhere, 'outside'), new Uint8Array(65_568));
      await symlink(join(elsewhere, 'outside'), data);
      await rejectsAs(readModel(path), 'invalid_argument', /a link that leaves the model's folder/);
    });
  }));

test('files that are no model are refused with their path or their fault', () =>
  inFolder(async (folder) => {
    await rejectsAs(readModel(join(folder, 'absent.onnx')), 'not_found', /absent\.onnx/);
    await writeFile(join(folder, 'text.onnx'), 'this is not a model');
    await rejectsAs(
      readModel(join(folder, 'text.onnx')),
      'invalid_argument',
      /text\.onnx: The file is not an ONNX model/,
    );
    await writeFile(join(folder, 'empty.onnx'), '');
    await rejectsAs(
      readModel(join(folder, 'empty.onnx')),
      'invalid_argument',
      /empty\.onnx: .*holds no graph/,
    );
    await rejectsAs(readModel(join(folder, 'text.onnx'), { maxBytes: 4 }), 'invalid_argument', /limit is 4/);
  }));

test('a failed write leaves nothing behind', () =>
  inFolder(async (folder) => {
    await assert.rejects(writeModel(model(), join(folder, 'no', 'where.onnx')), DdkError);
    assert.deepEqual(await readdir(folder), []);
  }));
