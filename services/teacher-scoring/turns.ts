// One at a time, first come first served.

/** Returns a function that runs its bodies one after the other in the order they were given. */
export function createTurns(): <T>(body: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (body) => {
    const turn = last.then(body, body);
    // The next one waits for this one's end, not for its success.
    last = turn.catch(() => {});
    return turn;
  };
}
