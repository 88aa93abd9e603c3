// The inside of a binding session's thread: onnxruntime-node blocks it so that the event loop stays free.
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { assert, DdkError } from '#base';
import type { DType, TensorArray, TensorData } from '#onnx';
import type { BindingReply, BindingRequest, BindingSetup } from './binding-messages.js';
import { notATensor } from './check-feeds.js';
import { flushDenormals } from './denormals.js';
import { configEntries } from './session-config.js';
import type { SessionOptions, TensorInfo } from './types.js';

const setup = workerData as BindingSetup;
let turn = Promise.resolve();
const session = await load().catch((error: unknown) =>
  reply({ kind: 'failed', stage: 'load', message: sentence(error) }),
);
parentPort?.on('message', (request: BindingRequest) => {
  // One after the other: the binding's calls block this thread.
  turn = turn.then(() => (request === 'end' ? end() : answer(request)));
});

async function answer(request: Exclude<BindingRequest, 'end'>): Promise<void> {
  try {
    assert(session, 'only a loaded model is asked to run');
    const values = await run(session, request);
    const buffers = Object.values(values).map((value) => value.data.buffer as ArrayBuffer);
    reply({ kind: 'result', values }, buffers);
  } catch (error) {
    reply({ kind: 'failed', stage: 'run', message: sentence(error) });
  }
}

async function end(): Promise<void> {
  await session?.release();
  parentPort?.close();
}

async function load(): Promise<InferenceSession> {
  const options = bindingOptions(setup.options);
  flushDenormals();
  const loaded = await (typeof setup.model === 'string'
    ? InferenceSession.create(setup.model, options)
    : InferenceSession.create(setup.model, options));
  reply({
    kind: 'loaded',
    inputs: loaded.inputMetadata.map((metadata) => tensorInfo('input', metadata)),
    outputs: loaded.outputMetadata.map((metadata) => tensorInfo('output', metadata)),
  });
  return loaded;
}

async function run(
  loaded: InferenceSession,
  { feeds, outputs }: Exclude<BindingRequest, 'end'>,
): Promise<Record<string, TensorData>> {
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, shape, data }]) => [name, nativeTensor(dtype, data, shape)]),
  );
  flushDenormals();
  const results = await loaded.run(inputs, [...outputs]);
  return Object.fromEntries(
    outputs.map((name) => {
      const result = results[name];
      if (!result) throw new Error(`output ${name} is missing`);
      const { type, dims, data } = result;
      return [name, { dtype: type as DType, shape: [...dims], data: data as TensorArray }];
    }),
  );
}

function nativeTensor(dtype: DType, data: TensorArray, shape: readonly number[]): Tensor {
  // The constructor is overloaded by type name; our pairs of type and array are those it documents.
  const construct = Tensor as unknown as new (
    type: string,
    data: TensorArray,
    dims: readonly number[],
  ) => Tensor;
  return new construct(dtype, data, shape);
}

function tensorInfo(side: 'input' | 'output', metadata: InferenceSession.ValueMetadata): TensorInfo {
  if (!metadata.isTensor) throw notATensor(side, metadata.name);
  const shape = metadata.shape.map((dim, axis) =>
    typeof dim === 'string' ? dim || `${metadata.name}_${axis}` : dim >= 0 ? dim : `${metadata.name}_${axis}`,
  );
  return { name: metadata.name, dtype: metadata.type as DType, shape };
}

function bindingOptions(options: SessionOptions): InferenceSession.SessionOptions {
  return {
    executionProviders:
      options.provider === 'cuda' ? [{ name: 'cuda', deviceId: options.deviceId ?? 0 }] : ['cpu'],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: options.optimisation ?? 'all',
    enableMemPattern: options.memoryPattern ?? true,
    logSeverityLevel: 4,
    extra: nested(configEntries(options)),
  };
}

/** `{ 'a.b': '1' }` as `{ a: { b: '1' } }`, which is how the binding takes configuration. */
function nested(entries: Readonly<Record<string, string>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entries)) {
    const path = key.split('.');
    let place = root;
    for (const part of path.slice(0, -1)) {
      place[part] ??= {};
      place = place[part] as Record<string, unknown>;
    }
    place[path.at(-1) as string] = value;
  }
  return root;
}

function reply(message: BindingReply, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function sentence(error: unknown): string {
  if (error instanceof DdkError) return error.message;
  return `ONNX Runtime: ${error instanceof Error ? error.message : String(error)}`;
}
