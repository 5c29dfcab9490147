import { expect, test } from 'vitest';
import { historyTable } from './image-record-commands.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const STEP = {
  createdAt: '2026-01-01T00:00:00Z',
  createdBy: 'RUN make   all',
  comment: '',
  layer: `sha256:${'a1'.repeat(32)}`,
  sizeBytes: 1500,
};

test('a line for each step: short ids and commands on one line', () => {
  const nothing = { createdAt: null, createdBy: `x ${'y'.repeat(80)}`, comment: 'why', layer: null, sizeBytes: 0 };
  expect(historyTable([STEP, nothing], { nowMs: NOW, trunc: true }).split('\n')).toEqual([
    'LAYER         CREATED    CREATED BY                                     SIZE    COMMENT',
    'a1a1a1a1a1a1  1 day ago  RUN make all                                   1.5 kB',
    `<none>        unknown    x ${'y'.repeat(42)}…  0 B     why`,
    '',
  ]);
});

test('what is not cut is whole', () => {
  const text = historyTable([STEP], { nowMs: NOW, trunc: false });
  expect(text).toContain(STEP.layer);
  expect(text).toContain('RUN make   all');
});
