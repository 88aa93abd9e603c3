// One at a time, first come first served.

/** Runs `body` once everything given before it has ended, however that ended. */
export type TakeTurn = <T>(body: () => Promise<T>) => Promise<T>;

const nothing = (): void => {};

export function createTurns(): TakeTurn {
  let last: Promise<void> = Promise.resolve();
  return (body) => {
    const turn = last.then(body);
    // The next one waits for this one's end, not for its success; what came of it is the caller's alone.
    last = turn.then(nothing, nothing);
    return turn;
  };
}
