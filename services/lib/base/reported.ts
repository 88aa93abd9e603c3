// How a piece of work ended, told to somebody who keeps count.
import { DdkError } from './errors.js';

/** Told the error that work ended with; undefined where it ended well. */
export type Report = (error: DdkError | undefined) => void;

/** What comes of `work`, or its error as a DdkError, after `report` was told. */
export async function reported<T>(work: Promise<T>, report: Report): Promise<T> {
  try {
    const result = await work;
    report(undefined);
    return result;
  } catch (thrown) {
    const error = DdkError.from(thrown);
    report(error);
    throw error;
  }
}
