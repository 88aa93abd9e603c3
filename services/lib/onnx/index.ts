// #onnx: the graph, how it is built, checked, rewritten, read and written.
export {
  type AttrInput,
  type Attrs,
  floatAttr,
  floatsAttr,
  graphAttr,
  intAttr,
  intsAttr,
  stringAttr,
  tensorAttr,
} from './attributes.js';
export { type GemmOptions, GraphBuilder, type Operand, type ScatterReduction } from './builder.js';
export { checkModel } from './check.js';
export { type DecodeOptions, decodeModel } from './decode.js';
export {
  allocate,
  bytesOf,
  carries,
  type DType,
  dtypeBytes,
  dtypeCode,
  dtypeFromCode,
  isFloating,
  isInteger,
  type TensorArray,
  viewBytes,
} from './dtype.js';
export { encodeModel } from './encode.js';
export { evaluateConstant, evaluatedOperators } from './evaluate/evaluate.js';
export { externalData, readModel, type WriteOptions, writeModel } from './files.js';
export { formatModel } from './format.js';
export type { GraphBuilderOptions, OpOptions } from './graph-core.js';
export type { NodeFacts, ResultType } from './infer/context.js';
export { isStatic, sameDim, unknownDim } from './infer/dims.js';
export { inferOutputs, isKnownOperator, knownOperators } from './infer/outputs.js';
export { type InlineOptions, inlineGraph } from './inline.js';
export {
  type Attribute,
  captures,
  type Dim,
  type ExternalData,
  type Graph,
  isExternal,
  type Model,
  type Node,
  qualifiedOp,
  type Shape,
  subgraphs,
  type TensorData,
  usedValues,
  Value,
} from './ir.js';
export { eliminateCommonSubexpressions } from './passes/cse.js';
export { eliminateDeadNodes } from './passes/dead.js';
export { foldConstants, inferShapes } from './passes/fold.js';
export { bindDimensions, optimise } from './passes/optimise.js';
export { elementCount, intsTensor, numbersOf, scalarTensor, tensor, tensorOver } from './tensor.js';
