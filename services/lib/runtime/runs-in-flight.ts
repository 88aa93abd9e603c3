// Ends native runs when the process ends: it waits for its threads, and a thread in a long run would hold it up.

const terminations = new Set<() => void>();
let listening = false;

/** Calls `terminate` if the process exits before the function that is returned is called. */
export function endRunsAtExit(terminate: () => void): () => void {
  if (!listening) {
    listening = true;
    process.on('exit', () => {
      for (const end of terminations) end();
    });
  }
  terminations.add(terminate);
  return () => terminations.delete(terminate);
}
