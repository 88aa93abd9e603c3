// Makes the calling thread treat denormal floats as zero, as the threads inside a session do.
//
// `session.set_denormal_as_zero` reaches a session's own threads and, once a process, whichever thread created the
// first session. The thread that calls Run computes as well, so without this the bits of a result would depend on
// the thread that happened to run it.
import koffi from 'koffi';

/** Whether denormals are treated as zero on this machine: a matter of x86-64's MXCSR register. */
export const denormalsAreFlushed = process.arch === 'x64';

// fenv_t of <fenv.h> on x86-64, glibc, musl and macOS alike: 28 bytes of x87 state, then MXCSR.
const environmentBytes = 32;
const mxcsrOffset = 28;
// Flush-to-zero (bit 15) and denormals-are-zero (bit 6).
const flushBits = 0x8040;

type Fenv = (environment: Uint8Array) => number;
let functions: { readonly get: Fenv; readonly set: Fenv } | undefined;

/** Sets this thread's flush-to-zero and denormals-are-zero bits. */
export function flushDenormals(): void {
  if (!denormalsAreFlushed) return;
  if (!functions) {
    const program = koffi.load(null);
    functions = {
      get: program.func('fegetenv', 'int', ['void *']),
      set: program.func('fesetenv', 'int', ['void *']),
    };
  }
  const environment = new Uint8Array(environmentBytes);
  functions.get(environment);
  const view = new DataView(environment.buffer);
  view.setUint32(mxcsrOffset, view.getUint32(mxcsrOffset, true) | flushBits, true);
  functions.set(environment);
}
