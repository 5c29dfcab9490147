import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Clock } from '../base/effects.ts';
import { MetricRegistry } from '../base/metrics.ts';
import type { FinishedSpan } from './otlp-json.ts';
import { postTraces } from './otlp-request.ts';
import { type SendOutcome, SpanExporter } from './span-exporter.ts';

const SPAN: FinishedSpan = {
  ...{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: undefined, name: 'x', kind: 'internal' },
  ...{ startMs: 1, endMs: 2, attributes: {}, link: undefined, failure: undefined },
};

function exporterWith(send: (body: string) => Promise<SendOutcome>) {
  const timers: (() => void)[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: async () => {},
    after: (_, run) => {
      timers.push(run);
      return () => timers.splice(timers.indexOf(run), 1);
    },
  };
  const registry = new MetricRegistry();
  const problems: string[] = [];
  const exporter = new SpanExporter({
    ...{ clock, registry, send, report: ({ what }) => problems.push(what) },
    resource: { attributes: {}, version: '1' },
  });
  const counted = (): readonly (number | undefined)[] => registry.collect().map(({ samples }) => samples[0]?.value);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { exporter, timers, problems, counted, settle };
}

function countOf(body: string): number {
  return JSON.parse(body).resourceSpans[0].scopeSpans[0].spans.length;
}

test('spans wait for others for a while, and then go in one request', async () => {
  const sent: number[] = [];
  const { exporter, timers, counted, settle } = exporterWith(async (body) => {
    sent.push(countOf(body));
    return 'taken';
  });
  for (let n = 0; n < 3; n += 1) exporter.add(SPAN);
  expect([sent, timers.length]).toEqual([[], 1]);
  for (const run of [...timers]) run();
  await settle();
  expect(sent).toEqual([3]);
  expect(counted()).toEqual([3, 0]);
});

test('where nothing waits no timer runs', () => {
  expect(exporterWith(async () => 'taken').timers).toEqual([]);
});

test('a request that is full goes at once, and what is too much is dropped and counted', async () => {
  const sent: number[] = [];
  const stuck = Promise.withResolvers<SendOutcome>();
  const { exporter, counted } = exporterWith((body) => {
    sent.push(countOf(body));
    return stuck.promise;
  });
  for (let n = 0; n < 512 + 2048 + 5; n += 1) exporter.add(SPAN);
  expect(sent).toEqual([512]);
  expect(counted()).toEqual([0, 5]);
  stuck.resolve('taken');
  await exporter.close(1_000);
});

test('a collector that is busy is asked again, and one that refuses is not', async () => {
  const outcomes: SendOutcome[] = ['try again', 'taken', 'refused', 'taken'];
  const { exporter, timers, counted, problems, settle } = exporterWith(async () => outcomes.shift() ?? 'taken');
  exporter.add(SPAN);
  for (const run of [...timers]) run();
  await settle();
  expect(counted()).toEqual([1, 0]);
  exporter.add(SPAN);
  for (const run of [...timers]) run();
  await settle();
  expect(counted()).toEqual([1, 1]);
  expect([problems.length, outcomes]).toEqual([1, ['taken']]);
});

test('a collector that is not there is told once, until it is there again', async () => {
  const { exporter, timers, problems, counted, settle } = exporterWith(async () => {
    throw new Error('refused');
  });
  for (let n = 0; n < 3; n += 1) {
    exporter.add(SPAN);
    for (const run of [...timers]) run();
    await settle();
  }
  expect(problems).toEqual(['spans are lost: the collector does not take them']);
  expect(counted()).toEqual([0, 3]);
});

test('the last spans are sent when the agent ends', async () => {
  const sent: number[] = [];
  const { exporter } = exporterWith(async (body) => {
    sent.push(countOf(body));
    return 'taken';
  });
  exporter.add(SPAN);
  await exporter.close(1_000);
  expect(sent).toEqual([1]);
});

let server: Server | undefined;
afterEach(() => server?.close());

async function collector(
  status: number,
): Promise<{ url: URL; seen: { path?: string; headers?: object; body?: string } }> {
  const seen: { path?: string; headers?: object; body?: string } = {};
  const listening = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      Object.assign(seen, { path: request.url, headers: request.headers, body });
      response.writeHead(status).end('{}');
    });
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  server = listening;
  const { port } = listening.address() as AddressInfo;
  return { url: new URL(`http://127.0.0.1:${port}/v1/traces`), seen };
}

test('a request has the path, the headers and the type of the specification', async () => {
  const { url, seen } = await collector(200);
  expect(await postTraces({ url, headers: { 'x-key': 'k' }, timeoutMs: 5_000 }, '{"a":1}')).toBe('taken');
  expect(seen).toMatchObject({ path: '/v1/traces', body: '{"a":1}' });
  expect(seen.headers).toMatchObject({ 'content-type': 'application/json', 'x-key': 'k' });
});

test.each([
  [503, 'try again'],
  [429, 'try again'],
  [400, 'refused'],
])('an answer of %i means %s', async (status, outcome) => {
  const { url } = await collector(status);
  expect(await postTraces({ url, headers: {}, timeoutMs: 5_000 }, '{}')).toBe(outcome);
});
