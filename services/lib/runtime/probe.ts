// Whether a provider really computes here, found out before anybody depends on it.
import { DdkError } from '#base';
import { encodeModel, GraphBuilder, tensor } from '#onnx';
import type { Runtime, SessionOptions } from './types.js';

/**
 * Runs one addition. Throws `failed_precondition` with a remedy where the provider's library or a device is missing,
 * `internal` where the sum is wrong.
 */
export async function probeProvider(
  runtime: Runtime,
  options: Pick<SessionOptions, 'provider' | 'deviceId' | 'threads'>,
): Promise<void> {
  const b = new GraphBuilder('probe');
  b.output('sum', b.add(b.input('x', 'float32', [2]), b.scalar(1)));
  const session = await runtime.createSession(encodeModel(b.build()), options);
  try {
    const { sum } = await session.run({ x: tensor('float32', [2], [1, 2]) });
    if (sum?.data[0] !== 2 || sum.data[1] !== 3)
      throw new DdkError('internal', `The provider ${options.provider} adds wrongly; set another one.`);
  } finally {
    await session.close();
  }
}
