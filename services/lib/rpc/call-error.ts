// Why a call has failed, in words that name the address: what grpc-js says of a connection or of a method nobody serves is
// written for people who know its insides.
import { type ServiceError, status } from '@grpc/grpc-js';
import { DdkError } from '#base';
import { methodName } from './names.js';
import { detailsKey, errorFromStatus } from './status.js';

/** The error of a call of the method at `path` of the service at `address`. */
export function errorOfCall(
  error: ServiceError,
  { address, path }: { readonly address: string; readonly path: string },
): DdkError {
  const told = error.metadata?.get(detailsKey)[0] !== undefined;
  if (!told && error.code === status.UNIMPLEMENTED) {
    return new DdkError(
      'unimplemented',
      `${address} is no ${roleOf(path)}: the server there does not know ${methodName(path)}; give the address of a ${roleOf(path)}.`,
      { cause: error },
    );
  }
  const lost = !told && error.code === status.UNAVAILABLE;
  const why = lost ? connectionFailure(error.details, address) : undefined;
  if (why === undefined) return errorFromStatus(error);
  // A server that hangs up at once, or a handshake that fails.
  const isTls = /^Failed to connect|certificate|alert/i.test(why);
  const remedy = isTls ? 'check the TLS settings of both sides.' : 'is it running?';
  return new DdkError('unavailable', `no connection to ${address} (${why}); ${remedy}`, { cause: error });
}

/** 'No connection established. Last error: Error: connect ECONNREFUSED ...' -> 'connect ECONNREFUSED'. */
export function connectionFailure(details: string, address: string): string | undefined {
  if (!details.includes('No connection established')) return undefined;
  const last = /^.*Last error: (?:Error: )?(?<why>.*?)(?:\.? Resolution note:.*)?$/s.exec(details);
  const text = last?.groups?.why ?? '';
  // OpenSSL puts the words between its own routines and files; grpc-js adds the time.
  const words = /SSL routines:[^:]*:(?<words>[^:]+)/.exec(text)?.groups?.words ?? text;
  const why = words.replace(/\s*\([\dT:.-]+Z\)\s*$/, '').replace(` ${address}`, '');
  return why === '' || why === 'null' ? 'nobody answers' : why;
}

/** '/ddk.v1.StudentTrainerService/GetProgress' -> 'student-trainer', as the services call themselves. */
function roleOf(path: string): string {
  const service = methodName(path).split('/')[0]?.split('.').at(-1) ?? '';
  return service
    .replace(/Service$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '-')
    .toLowerCase();
}
