// Named places where a process can be made to die, so that tests can prove what survives.

interface Armed {
  readonly name: string;
  readonly hit: number;
}

function parse(setting: string | undefined): Armed | undefined {
  if (!setting) return undefined;
  const match = /^(.+?)(?::(\d+))?$/.exec(setting);
  return match?.[1] === undefined ? undefined : { name: match[1], hit: Number(match[2] ?? 1) };
}

// Read once: a failpoint stands on hot paths and must cost nothing when it is not armed.
const armed = parse(process.env.DDK_FAILPOINT);
let hits = 0;

/**
 * Kills this process (SIGKILL: no handler, no flush) at the n-th hit of the failpoint that the environment variable
 * DDK_FAILPOINT names, as `name` or `name:n`. Otherwise does nothing. Hits are counted by thread.
 */
export function failpoint(name: string): void {
  if (armed === undefined || armed.name !== name) return;
  hits += 1;
  if (hits !== armed.hit) return;
  process.kill(process.pid, 'SIGKILL');
  // Nothing more may happen on this thread while the signal is on its way.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
