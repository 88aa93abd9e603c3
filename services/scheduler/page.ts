// Pages of lists, bounded by count and by bytes. The token of a list of runs names the last run seen, so that runs made
// meanwhile shift nothing; that of a history is the index of the next interval.
import { type DdkError, invalidArgument } from '#base';
import { Interval, Run } from '#proto/ddk/v1/types';
import { messageOf, type StoredRun } from './run-store.js';

const defaultPageSize = 50;
const largestPageSize = 500;
/** A page ends before it would be larger, so that with any single entry it is far from the limit of a message. */
export const largestPageBytes = 2 * 1024 * 1024;

const runToken = /^(\d{1,16})_([a-z0-9-]{1,64})$/;
const intervalToken = /^\d{1,9}$/;

interface PageRequest {
  /** 0: the default. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

/** `runs` are the newest first, as they were or are now. Throws DdkError invalid_argument for a size or token that cannot be. */
export async function pageOfRuns(
  runs: readonly StoredRun[],
  { pageSize, pageToken }: PageRequest,
): Promise<{ readonly runs: Run[]; readonly nextPageToken: string }> {
  const most = entries(pageSize);
  const rest = pageToken === '' ? runs : runs.filter(isAfter(pageToken));
  const page = await filled(rest.map(messageOf), most, (run) => Run.encode(run).finish().length);
  const last = page.at(-1);
  const token = last && page.length < rest.length ? `${last.createdAt?.getTime()}_${last.id}` : '';
  return { runs: page, nextPageToken: token };
}

/** `read` gives a history from an index on. Throws DdkError invalid_argument for a size or token that cannot be. */
export async function pageOfIntervals(
  read: (from: number) => AsyncIterable<Interval>,
  { pageSize, pageToken, firstIndex }: PageRequest & { readonly firstIndex: number },
  endIndex: number,
): Promise<{ readonly intervals: Interval[]; readonly nextPageToken: string }> {
  const most = entries(pageSize);
  if (pageToken !== '' && !intervalToken.test(pageToken)) throw unknownToken('ListIntervals');
  const from = pageToken === '' ? firstIndex : Number(pageToken);
  const page = await filled(read(from), most, (interval) => Interval.encode(interval).finish().length);
  const next = from + page.length;
  return { intervals: page, nextPageToken: page.length > 0 && next < endIndex ? String(next) : '' };
}

function entries(pageSize: number): number {
  if (pageSize > largestPageSize) {
    throw refuse('page_size', `must be at most ${largestPageSize}, but is ${pageSize}`);
  }
  return pageSize === 0 ? defaultPageSize : pageSize;
}

/** As many as fit by count and bytes; one at least, where there is any. */
async function filled<T>(
  entries: Iterable<T> | AsyncIterable<T>,
  most: number,
  bytesOf: (entry: T) => number,
): Promise<T[]> {
  const page: T[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    bytes += bytesOf(entry);
    if (page.length > 0 && bytes > largestPageBytes) break;
    page.push(entry);
    if (page.length === most) break;
  }
  return page;
}

function isAfter(pageToken: string): (run: StoredRun) => boolean {
  const [, createdAt, id] = runToken.exec(pageToken) ?? [];
  if (createdAt === undefined || id === undefined) throw unknownToken('ListRuns');
  const createdAtMs = Number(createdAt);
  return ({ state }) =>
    state.createdAtMs < createdAtMs || (state.createdAtMs === createdAtMs && state.id > id);
}

function unknownToken(list: 'ListRuns' | 'ListIntervals'): DdkError {
  return refuse('page_token', `is not one that ${list} has given`);
}

function refuse(field: string, description: string): DdkError {
  return invalidArgument([{ field, description }]);
}
