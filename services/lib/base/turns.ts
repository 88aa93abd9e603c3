// One at a time, first come first served.

/** Runs `body` once everything given before it has ended, however that ended. */
export type TakeTurn = <T>(body: () => Promise<T>) => Promise<T>;

export function createTurns(): TakeTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (body) => {
    // The next one waits for this one's end, not for its success.
    const turn = last.then(body, body);
    last = turn;
    return turn;
  };
}
