import { expect, test } from 'vitest';
import {
  bfqWeightOfIo,
  ioWeightOfBlkio,
  parseBound,
  parseFlatKeyed,
  sharesOfWeight,
  sumDeviceLines,
  sumNestedKeyed,
  weightOfShares,
} from './cgroup-values.ts';

test('flat keyed files are parsed, other lines left out', () => {
  expect([...parseFlatKeyed('oom 1\noom_kill 2\nmax x\n\n')]).toEqual([
    ['oom', 1],
    ['oom_kill', 2],
  ]);
});

test.each([
  ['max\n', undefined],
  ['9223372036854771712\n', undefined],
  ['67108864\n', 67108864],
  ['0\n', 0],
  ['', undefined],
  ['-1', undefined],
])('%j is the bound %s', (text, bound) => {
  expect(parseBound(text)).toBe(bound);
});

test('nested keyed lines are summed over devices, and so are those of v1 without their total', () => {
  const io = '8:0 rbytes=1 wbytes=20 rios=3\n259:1 rbytes=10 wbytes=0 rios=0 cost.vrate=100.00\n';
  expect([...sumNestedKeyed(io)].slice(0, 3)).toEqual([
    ['rbytes', 11],
    ['wbytes', 20],
    ['rios', 3],
  ]);
  expect([...sumDeviceLines('8:0 Read 5\n8:0 Total 9\n8:16 Read 2\nTotal 14\n')]).toEqual([
    ['Read', 7],
    ['Total', 9],
  ]);
});

test.each([
  [2, 1],
  [1024, 100],
  [262_144, 10_000],
  [512, 59],
  [2048, 174],
])('%i shares are the weight %i', (shares, weight) => {
  expect(weightOfShares(shares)).toBe(weight);
});

test('every weight has shares within the bounds, and comes back from them but for rounding', () => {
  for (let weight = 1; weight <= 10_000; weight += 1) {
    const shares = sharesOfWeight(weight);
    expect(shares).toBeGreaterThanOrEqual(2);
    expect(shares).toBeLessThanOrEqual(262_144);
    expect(Math.abs(weightOfShares(shares) - weight)).toBeLessThanOrEqual(1);
  }
});

test.each([
  [10, 1],
  [500, 4950],
  [1000, 10_000],
])('the blkio weight %i is the io weight %i', (blkio, io) => {
  expect(ioWeightOfBlkio(blkio)).toBe(io);
});

test.each([
  [1, 1],
  [100, 100],
  [5000, 545],
  [10_000, 1000],
])('the io weight %i is the weight %i of BFQ', (io, bfq) => {
  expect(bfqWeightOfIo(io)).toBe(bfq);
});
