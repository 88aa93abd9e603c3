// #onnx: the graph, how it is built, checked, rewritten, read and written.
export { type AttrInput, floatAttr, intAttr, intsAttr, stringAttr } from './attributes.js';
export { GraphBuilder } from './builder.js';
export { checkModel } from './check.js';
export { decodeModel } from './decode.js';
export {
  allocate,
  carries,
  type DType,
  dtypeBytes,
  dtypeCode,
  dtypeFromCode,
  isFloating,
  type TensorArray,
  viewBytes,
} from './dtype.js';
export { encodeModel } from './encode.js';
export { evaluateConstant, evaluatedOperators } from './evaluate/evaluate.js';
export { externalData, readModel, writeModel } from './files.js';
export { formatModel } from './format.js';
export { isStatic } from './infer/dims.js';
export { inferOutputs, knownOperators } from './infer/outputs.js';
export { inlineGraph } from './inline.js';
export {
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
export { mergeReshapes } from './passes/reshape.js';
export { elementCount, numbersOf, tensor, tensorOver } from './tensor.js';
