// One at a time, first come first served.

/** Returns a function that runs what it is given one after the other, in the order it was given. */
export function createTurns(): <T>(body: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (body) => {
    // The next one waits for this one's end, not for its success.
    const turn = last.then(body, body);
    last = turn;
    return turn;
  };
}
