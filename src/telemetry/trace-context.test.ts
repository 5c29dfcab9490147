import { expect, test } from 'vitest';
import { parseTraceParent } from './trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test('a header is taken apart, with its flag for what is recorded', () => {
  expect(parseTraceParent(`00-${TRACE}-${SPAN}-01`)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true });
  expect(parseTraceParent(`00-${TRACE}-${SPAN}-00`)?.isSampled).toBe(false);
});

test('a later version may say more at its end', () => {
  expect(parseTraceParent(`01-${TRACE}-${SPAN}-01-what-comes`)?.traceId).toBe(TRACE);
});

test.each([
  undefined,
  '',
  'x',
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-01-more`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
])('%s begins a new trace', (header) => {
  expect(parseTraceParent(header)).toBeUndefined();
});
