// Windows as inputs: shifted by one for the labels, the last window repeated up to the graph's rows.
import assert from 'node:assert/strict';
import test from 'node:test';
import { scoringFeeds } from '#model';

test('ids are the first T of a window, labels the last T, and rows beyond the windows repeat the last one', () => {
  const windows = [Int32Array.of(1, 2, 3), [4, 5, 6]];
  const feeds = scoringFeeds(windows, { batch: 3, length: 2, labels: true });
  assert.deepEqual(feeds.input_ids, {
    dtype: 'int64',
    shape: [3, 2],
    data: BigInt64Array.of(1n, 2n, 4n, 5n, 4n, 5n),
  });
  assert.deepEqual(feeds.labels?.data, BigInt64Array.of(2n, 3n, 5n, 6n, 5n, 6n));
  assert.equal(scoringFeeds(windows, { batch: 2, length: 2, labels: false }).labels, undefined);
});
