import { expect, test } from 'vitest';
import type { Clock } from '../base/effects.ts';
import { EngineError } from '../model/error.ts';
import { type FinishedSpan, otlpTraces } from './otlp-json.ts';
import { RecordingTracer } from './recording-tracer.ts';
import { type SamplerName, samplerOf } from './sampler.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

function recording(sampler: SamplerName = 'parentbased_always_on', ratio = 1) {
  let nowMs = 0;
  let count = 0;
  const clock: Clock = {
    nowMs: () => 1_700_000_000_000 + nowMs,
    monotonicMs: () => nowMs,
    sleep: async () => {},
    after: () => () => {},
  };
  const bytes = (length: number): Uint8Array => {
    count += 1;
    return new Uint8Array(length).fill(count);
  };
  const spans: FinishedSpan[] = [];
  const tracer = new RecordingTracer({
    ...{ clock, random: { bytes }, sampler: samplerOf(sampler, ratio) },
    finished: (span) => spans.push(span),
  });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { tracer, spans, pass };
}

test('a request that came with a trace goes on in it, and its parts are below it', () => {
  const { tracer, spans, pass } = recording();
  const span = tracer.begin('request', { kind: 'server', traceparent: `00-${TRACE}-${PARENT}-01` });
  pass(2);
  const part = span?.begin('launch', { 'isopod.container': 'aa' });
  pass(1.5);
  part?.end();
  span?.end();
  const [launch, request] = spans;
  expect(request).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, kind: 'server', failure: undefined });
  expect(launch).toMatchObject({ traceId: TRACE, parentSpanId: request?.spanId, kind: 'internal' });
  expect([launch?.startMs, launch?.endMs]).toEqual([1_700_000_000_002, 1_700_000_000_003.5]);
});

test('what was not to be recorded by whoever asked is not, and neither are its parts', () => {
  const { tracer, spans } = recording();
  expect(tracer.begin('request', { kind: 'server', traceparent: `00-${TRACE}-${PARENT}-00` })).toBeUndefined();
  expect(spans).toEqual([]);
});

test('a sampler with a ratio decides by the id, so that all who see a trace decide alike', () => {
  const low = `${'a'.repeat(20)}000000000001`;
  const high = `${'a'.repeat(20)}ffffffffffff`;
  const sampler = samplerOf('traceidratio', 0.5);
  expect([sampler(low, undefined), sampler(high, undefined)]).toEqual([true, false]);
  expect(samplerOf('always_off', 1)(low, undefined)).toBe(false);
  expect(samplerOf('parentbased_always_off', 1)(low, { traceId: low, spanId: PARENT, isSampled: true })).toBe(true);
});

test('what failed says so, with the code of the error', () => {
  const { tracer, spans } = recording();
  tracer
    .begin('launch', { kind: 'internal' })
    ?.end(new EngineError({ kind: 'not-found', code: 'a.b', message: 'no a' }));
  expect(spans).toMatchObject([{ failure: 'no a', attributes: { 'error.type': 'a.b' } }]);
});

test('what follows later is a trace of its own with a link to what led to it', () => {
  const { tracer, spans } = recording();
  const cause = tracer.begin('launch', { kind: 'internal' });
  tracer.begin('background', { kind: 'internal', cause })?.end();
  cause?.end();
  const [later, first] = spans;
  expect(later?.traceId).not.toBe(first?.traceId);
  expect(later?.link).toEqual({ traceId: first?.traceId, spanId: first?.spanId });
});

test('a text without end is cut, and a second end does nothing', () => {
  const { tracer, spans } = recording();
  const span = tracer.begin('launch', { kind: 'internal', attributes: { long: 'x'.repeat(5_000) } });
  span?.end();
  span?.end();
  expect(spans).toHaveLength(1);
  expect(String(spans[0]?.attributes.long)).toHaveLength(1_024);
});

test('spans are written as the JSON encoding of OTLP has them', () => {
  const { tracer, spans, pass } = recording();
  const span = tracer.begin('launch', { kind: 'internal', attributes: { text: 't', count: 3, part: 0.5, yes: true } });
  span?.past('image', { fromUs: 250, toUs: 1_250 });
  pass(2);
  span?.end('refused');
  const body = otlpTraces(spans, { attributes: { 'service.name': 'isopod' }, version: '1' });
  expect(body).toMatchObject({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'isopod' } }] },
        scopeSpans: [
          {
            scope: { name: 'isopod', version: '1' },
            spans: [
              {
                ...{ name: 'image', kind: 1, status: {} },
                ...{ startTimeUnixNano: '1700000000000250000', endTimeUnixNano: '1700000000001250000' },
              },
              {
                ...{ name: 'launch', traceId: '01'.repeat(16), spanId: '02'.repeat(8) },
                status: { code: 2, message: 'refused' },
                attributes: [
                  { key: 'text', value: { stringValue: 't' } },
                  { key: 'count', value: { intValue: '3' } },
                  { key: 'part', value: { doubleValue: 0.5 } },
                  { key: 'yes', value: { boolValue: true } },
                ],
              },
            ],
          },
        ],
      },
    ],
  });
});
