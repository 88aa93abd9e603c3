// Pages of a list of runs: a token names the last run seen, so that runs made meanwhile shift nothing.
import { type DdkError, invalidArgument } from '#base';
import type { StoredRun } from './run-store.js';

const defaultPageSize = 50;
const largestPageSize = 500;
const token = /^(\d{1,16})_([a-z0-9-]{1,64})$/;

/** `runs` are the newest first, as they were or are now. Throws DdkError invalid_argument for a size or token that cannot be. */
export function pageOfRuns(
  runs: readonly StoredRun[],
  pageSize: number,
  pageToken: string,
): { readonly page: StoredRun[]; readonly nextPageToken: string } {
  if (pageSize > largestPageSize) {
    throw refuse('page_size', `must be at most ${largestPageSize}, but is ${pageSize}`);
  }
  const rest = pageToken === '' ? [...runs] : runs.filter(isAfter(pageToken));
  const page = rest.slice(0, pageSize === 0 ? defaultPageSize : pageSize);
  const last = page.at(-1);
  const nextPageToken = last && page.length < rest.length ? `${last.state.createdAtMs}_${last.state.id}` : '';
  return { page, nextPageToken };
}

function isAfter(pageToken: string): (run: StoredRun) => boolean {
  const [, createdAt, id] = token.exec(pageToken) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw refuse('page_token', 'is not one that ListRuns has given');
  }
  const createdAtMs = Number(createdAt);
  return ({ state }) =>
    state.createdAtMs < createdAtMs || (state.createdAtMs === createdAtMs && state.id > id);
}

function refuse(field: string, description: string): DdkError {
  return invalidArgument([{ field, description }]);
}
