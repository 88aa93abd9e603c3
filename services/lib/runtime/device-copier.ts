// Copies between the host and the device a session computes on.
import { DdkError } from '#base';
import type { DType } from '#onnx';
import { call, callForPointer } from './api.js';
import type { CSession } from './c-session.js';

export class DeviceCopier {
  static of(_session: CSession): DeviceCopier {
    throw new DdkError('unimplemented', 'x');
  }
  allocator = 0n;
  copy(_t: { dtype: DType }, _from: bigint, _to: bigint): void {
    call('CopyTensors', callForPointer('CreateRunOptions'));
  }
}
