// Pairs of shapes that broadcast, one pair for each way it can happen.
export interface Broadcast {
  readonly name: string;
  readonly left: readonly number[];
  readonly right: readonly number[];
}

export const broadcasts: readonly Broadcast[] = [
  { name: 'equal shapes', left: [2, 3], right: [2, 3] },
  { name: 'two scalars', left: [], right: [] },
  { name: 'a scalar on the right', left: [2, 3], right: [] },
  { name: 'a scalar on the left', left: [], right: [3] },
  { name: 'a row', left: [2, 3], right: [3] },
  { name: 'a column', left: [2, 3], right: [2, 1] },
  { name: 'one element of the same rank', left: [2, 3], right: [1, 1] },
  { name: 'one element of a higher rank', left: [3], right: [1, 1, 1] },
  { name: 'both sides grow', left: [3, 1], right: [1, 4] },
  { name: 'both sides grow and one gains axes', left: [2, 1, 3], right: [4, 1] },
  { name: 'an axis in the middle', left: [2, 3, 2], right: [2, 1, 2] },
  { name: 'leading and inner axes at once', left: [2, 3, 4], right: [3, 1] },
];
