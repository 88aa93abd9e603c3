// What is in a model: a folder or an .onnx file.
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { constantOperators, differentiableOperators } from '#autodiff';
import { DdkError, resolveInside, Sha256 } from '#base';
import {
  type DType,
  dtypeBytes,
  elementCount,
  externalData,
  type Graph,
  isStatic,
  type Model,
  qualifiedOp,
  readModel,
  type Shape,
  subgraphs,
  type Value,
} from '#onnx';
import { exportGraph } from './export.js';
import { rangeDigest } from './fingerprint.js';
import { openModel } from './folder.js';
import { externalParameters } from './parameters.js';

export interface PortInfo {
  readonly name: string;
  readonly dtype: DType | undefined;
  readonly shape: Shape | undefined;
}

export interface ModelReport {
  readonly kind: 'folder' | 'onnx';
  readonly path: string;
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  /** Nodes by operator, bodies of control flow included; most frequent first. */
  readonly operators: readonly {
    readonly operator: string;
    readonly count: number;
    readonly differentiable: boolean;
  }[];
  /** Elements of all floating-point initializers with more than one element. */
  readonly parameters: number;
  readonly parameterBytes: number;
  readonly opset: number;
  /** `sha256:<hex>`: of a folder as openModel gives it, of a file over its bytes and its external data. */
  readonly fingerprint: string;
}

/** @throws DdkError as openModel and readModel do */
export async function inspectModel(path: string): Promise<ModelReport> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new DdkError('not_found', `There is no ${path}; give a model folder or an .onnx file.`, { cause });
  });
  if (found.isDirectory()) {
    const { config, weights, fingerprint } = await openModel(path);
    const model = exportGraph(config, false, (b) => externalParameters(b, weights));
    return { kind: 'folder', path, fingerprint, ...describeModel(model) };
  }
  if (/\.(safetensors|json|bin|gguf|pt|pth)$/i.test(path))
    throw new DdkError(
      'invalid_argument',
      `${path} is no ONNX model; give an .onnx file, or the folder of a model (${dirname(resolve(path))}) with config.json, model.safetensors and tokenizer.json.`,
    );
  const model = await readModel(path);
  return { kind: 'onnx', path, fingerprint: await fileFingerprint(path, model), ...describeModel(model) };
}

/** Operators of the model that gradients cannot pass. */
export function withoutGradient(report: ModelReport): string[] {
  return report.operators.filter(({ differentiable }) => !differentiable).map(({ operator }) => operator);
}

function describeModel(model: Model): Omit<ModelReport, 'kind' | 'path' | 'fingerprint'> {
  const rules = new Set([...differentiableOperators(), ...constantOperators()]);
  const counts = new Map<string, number>();
  countOperators(model.graph, counts);
  const operators = [...counts]
    .map(([operator, count]) => ({ operator, count, differentiable: rules.has(operator) }))
    .sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1));
  const { parameters, parameterBytes } = countParameters(model.graph);
  return {
    inputs: model.graph.inputs.map(portInfo),
    outputs: model.graph.outputs.map(portInfo),
    operators,
    parameters,
    parameterBytes,
    opset: model.opsets.get('') ?? 0,
  };
}

function portInfo(value: Value): PortInfo {
  return { name: value.name, dtype: value.dtypeIfKnown, shape: value.shape };
}

function countOperators(graph: Graph, counts: Map<string, number>): void {
  for (const node of graph.nodes) {
    const name = qualifiedOp(node);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const body of subgraphs(node)) countOperators(body, counts);
  }
}

function countParameters(graph: Graph): { parameters: number; parameterBytes: number } {
  let parameters = 0;
  let parameterBytes = 0;
  for (const value of graph.initializers.keys()) {
    const count = isStatic(value.shape) ? elementCount(value.shape) : 0;
    const isFloat =
      value.dtype === 'float32' ||
      value.dtype === 'float16' ||
      value.dtype === 'bfloat16' ||
      value.dtype === 'float64';
    if (!isFloat || count <= 1) continue;
    parameters += count;
    parameterBytes += count * dtypeBytes(value.dtype);
  }
  return { parameters, parameterBytes };
}

async function fileFingerprint(path: string, model: Model): Promise<string> {
  const sha = new Sha256().update(await readFile(path));
  for (const { location, offset, length } of externalData(model.graph)) {
    const file = resolveInside(dirname(resolve(path)), location);
    sha.update(Buffer.from(await rangeDigest(file, { offset, byteLength: length }), 'hex'));
  }
  return `sha256:${sha.hex()}`;
}
