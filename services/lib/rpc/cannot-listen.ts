// Why a server has no address, in words: grpc-js puts the operating system's name of it somewhere into its message.
import { DdkError } from '#base';

const reasons: readonly (readonly [errno: string, reason: string])[] = [
  ['EADDRINUSE', 'another process has it; give another address in DDK_LISTEN, or port 0 for a free one'],
  ['EADDRNOTAVAIL', 'this machine has no such address; give one of its own in DDK_LISTEN'],
  ['EACCES', 'this user may not; give a port from 1024 in DDK_LISTEN'],
  ['ENOTFOUND', 'there is no host of that name; give one of this machine in DDK_LISTEN'],
];

export function cannotListen(address: string, error: Error): DdkError {
  const reason = reasons.find(([errno]) => error.message.includes(errno))?.[1] ?? error.message;
  return new DdkError('unavailable', `cannot listen on ${address}: ${reason}`, { cause: error });
}
