// autodiff: reverse-mode differentiation of graphs, as a table of rules by operator. Depends on base and onnx.
export { gradients } from './engine.js';
export { constantOperators, differentiableOperators } from './table.js';
