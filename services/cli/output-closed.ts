// What becomes of a command whose output nobody reads any more, as in `ddk run --json | head -n 1`, or cannot be kept.
import { setImmediate } from 'node:timers/promises';
import { DdkError } from '#base';

/** As shells count: 128 and the number of SIGPIPE. */
export const brokenPipe = 141;

/**
 * Aborts once something cannot be written to one of the streams: with `cancelled` where its reader has gone, with the
 * error to report otherwise. What is written after that is lost; without this it would end the process on the spot.
 */
export function watchOutput(streams: readonly NodeJS.WritableStream[]): AbortSignal {
  const closed = new AbortController();
  for (const stream of streams)
    stream.on('error', (error: NodeJS.ErrnoException) =>
      closed.abort(
        error.code === 'EPIPE'
          ? new DdkError('cancelled', 'Nobody reads the output any more.', { cause: error })
          : DdkError.from(error),
      ),
    );
  return closed.signal;
}

/** Resolves once all that was written to the streams has been taken, or the error of it has been told to who watches them. */
export async function outputTaken(streams: readonly NodeJS.WritableStream[]): Promise<void> {
  for (const stream of streams) await new Promise<void>((resolve) => stream.write('', () => resolve()));
  // The event of an error comes after the callback of the write that met it.
  await setImmediate();
}
