// Gradient accumulation: the micro-batches of a step in one Loop that carries the sum of the gradients.
//
//   Loop(M) { carried: gradient_1..P }  body: slice micro-batch i, forward, loss, backward, carried += gradient
//   scan outputs: ce, kl of every micro-batch, [M, N]
//
// Parameters are captured from the graph around the body, so nothing but the sums is carried. Normalisation is in the
// weights: every micro-batch is divided by the whole step's count, so the sum is the gradient of one large batch.
// The sums start as a single zero that broadcasts: whole zero tensors would be folded into the session for good.
import { type GraphBuilder, tensor, type Value } from '#onnx';
import { emitMicroBatch, type MicroBatchInputs, type MicroBatchOutputs } from './micro-batch.js';
import type { StepSpec } from './spec.js';

/** The same inputs with a leading axis of micro-batches, M. */
export type StepInputs = MicroBatchInputs;

/** Emits a whole step's forward and backward pass. Outputs `ce_N` and `kl_N` cover all M * N positions. */
export function emitStepGradients(
  b: GraphBuilder,
  spec: StepSpec,
  parameters: ReadonlyMap<string, Value>,
  inputs: StepInputs,
): MicroBatchOutputs {
  if (spec.microBatches === 1)
    return emitMicroBatch(
      b,
      spec,
      parameters,
      mapInputs(inputs, (x) => b.squeeze(x, [0])),
    );
  const body = b.subgraph('micro_batch');
  const index = body.input('micro_batch', 'int64', []);
  const condition = body.input('go_on', 'bool', []);
  const before = [...parameters].map(([name, { shape }]) =>
    body.input(`sum.${name}`, 'float32', shape?.map((_, axis) => `sum.${name}.${axis}`) ?? []),
  );
  const own = mapInputs(inputs, (x) => body.gather(x, index, 0));
  const micro = emitMicroBatch(body, spec, parameters, own);
  body.output('still_go_on', body.identity(condition));
  for (const [position, name] of [...parameters.keys()].entries()) {
    body.output(`next_sum.${name}`, body.add(before[position] as Value, micro.gradients[position] as Value));
  }
  body.output('micro_ce', micro.ce_N);
  body.output('micro_kl', micro.kl_N);
  const results = b.ops(
    'Loop',
    [
      b.scalar(spec.microBatches, 'int64'),
      null,
      ...[...parameters.values()].map(({ shape }) =>
        b.constant(tensor('float32', shape?.map(() => 1) ?? [], [0])),
      ),
    ],
    parameters.size + 2,
    { body: { graph: body.graph() } },
  );
  const positions = spec.microBatches * spec.batch * spec.length;
  return {
    gradients: [...parameters.values()].map(({ shape }, position) =>
      b.reshape(results[position] as Value, shape?.map(Number) ?? []),
    ),
    ce_N: b.reshape(results[parameters.size] as Value, [positions]),
    kl_N: b.reshape(results[parameters.size + 1] as Value, [positions]),
  };
}

function mapInputs(inputs: StepInputs, change: (x: Value) => Value): MicroBatchInputs {
  const optional = (x: Value | undefined) => x && change(x);
  return {
    inputIds_N: change(inputs.inputIds_N),
    labels_N: change(inputs.labels_N),
    weights_N: change(inputs.weights_N),
    teacherIds_NK: optional(inputs.teacherIds_NK),
    teacherLogProbs: optional(inputs.teacherLogProbs),
  };
}
