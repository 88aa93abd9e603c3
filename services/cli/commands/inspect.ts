// `ddk inspect`: what is in a model.
import { formatBytes, formatCount } from '#base';
import { inspectModel, type PortInfo, withoutGradient } from '#model';
import type { Display } from '../display/display.js';
import { table } from '../display/table.js';

export async function inspect(display: Display, path: string): Promise<void> {
  const report = await inspectModel(path);
  const missing = withoutGradient(report);
  const port = (p: PortInfo) => `${p.name} ${p.dtype ?? '?'} [${p.shape?.join(', ') ?? '?'}]`;
  const operators = table(
    [
      { title: 'operator', align: 'left' },
      { title: 'nodes', align: 'right' },
      { title: 'gradient', align: 'left' },
    ],
    report.operators.map((o) => [o.operator, String(o.count), o.differentiable ? 'yes' : 'no']),
  );
  const lines = [
    `path         ${report.path}`,
    `inputs       ${report.inputs.map(port).join('; ')}`,
    `outputs      ${report.outputs.map(port).join('; ')}`,
    `opset        ${report.opset}`,
    `parameters   ${formatCount(report.parameters)} (${formatBytes(report.parameterBytes)})`,
    `fingerprint  ${report.fingerprint}`,
    missing.length === 0
      ? 'trainable    yes: every operator that needs a gradient has one'
      : `trainable    no: there is no gradient of ${missing.join(', ')}`,
    '',
    operators,
  ];
  display.result(lines.join('\n'), { ...report, withoutGradient: missing });
}
