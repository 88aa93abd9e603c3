// A model as files that other software loads: ONNX for any ONNX Runtime, safetensors for transformers.
import { join } from 'node:path';
import {
  type DecoderConfig,
  decoderParameters,
  emitDecoderDynamic,
  type ParameterLookup,
  parameterCount,
} from '#nn';
import { eliminateDeadNodes, GraphBuilder, type Model, writeModel } from '#onnx';

import type { TokenizerContent } from '#tokenizer';
import { externalParameters, innerParameters } from './parameters.js';
import { openWeights, readParameter, type Weights } from './weights.js';
import { inNewFolder, writeModelFiles } from './write-folder.js';

/** A protobuf file ends at 2 GiB; above this the weights stay in the safetensors file beside it. */
const MAX_SELF_CONTAINED_BYTES = 1.5 * 2 ** 30;

export interface ExportOptions {
  /** Created; must not exist or be empty. */
  readonly folder: string;
  readonly config: DecoderConfig;
  readonly weights: Weights;
  readonly tokenizer: TokenizerContent;
  /** Adds the input attention_mask int64 [batch, sequence] (1 token, 0 padding). Off unless given. */
  readonly attentionMask?: boolean;
  /** Overrides the choice by size: true puts the weights inside model.onnx, false leaves them in model.safetensors. */
  readonly selfContained?: boolean;
}

/**
 * Writes model.onnx (opset 18; input_ids int64 [batch, sequence] to logits float32 [batch, sequence, vocab], both sizes
 * free), model.safetensors, config.json, tokenizer.json and tokenizer_config.json. The folder appears when it is complete.
 *
 * model.onnx stands alone up to 1.5 GiB of weights; above that its weights are external data in model.safetensors,
 * which any ONNX Runtime finds as long as the two lie together.
 *
 * @throws DdkError already_exists, resource_exhausted on a full disk
 */
export async function exportModel(options: ExportOptions): Promise<void> {
  const { config, weights, tokenizer } = options;
  await inNewFolder(options.folder, async (folder) => {
    await writeModelFiles(folder, {
      config,
      tokenizer,
      parameter: (name) => readParameter(weights, name),
    });
    const written = await openWeights(folder);
    const inside = options.selfContained ?? parameterCount(config) * 4 <= MAX_SELF_CONTAINED_BYTES;
    const values = inside ? await readAll(config, written) : undefined;
    const model = exportGraph(config, options.attentionMask ?? false, (b) =>
      values === undefined ? externalParameters(b, written) : innerParameters(b, written, values),
    );
    await writeModel(model, join(folder, 'model.onnx'));
  });
}

/** The graph of an export, with the parameters as `lookup` provides them. */
export function exportGraph(
  config: DecoderConfig,
  withMask: boolean,
  lookup: (b: GraphBuilder) => ParameterLookup,
): Model {
  const b = new GraphBuilder('decoder');
  const inputIds = b.input('input_ids', 'int64', ['batch', 'sequence']);
  const mask = withMask ? { attentionMask: b.input('attention_mask', 'int64', ['batch', 'sequence']) } : {};
  const { logits } = emitDecoderDynamic(b, config, { inputIds, ...mask, parameter: lookup(b) });
  b.output('logits', logits);
  const model = eliminateDeadNodes(b.build());
  return {
    ...model,
    metadata: new Map([
      ['model_type', config.family ?? 'llama'],
      ['max_positions', String(config.maxPositions)],
    ]),
  };
}

async function readAll(config: DecoderConfig, weights: Weights): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { name } of decoderParameters(config)) values.set(name, await readParameter(weights, name));
  return values;
}
