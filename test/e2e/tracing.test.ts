import { spawn } from 'node:child_process';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Installation, until } from './support/installation.ts';

interface SpanJson {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links?: readonly { readonly traceId: string }[];
  readonly status: { readonly code?: number; readonly message?: string };
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const spans: SpanJson[] = [];
let isopod: Installation;
let collector: Server;

/** An agent that exports; commands started by the tests find it. */
beforeAll(async () => {
  collector = createServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk) => {
      body += chunk;
    });
    incoming.on('end', () => {
      for (const { scopeSpans } of JSON.parse(body).resourceSpans)
        for (const one of scopeSpans) spans.push(...one.spans);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  isopod = new Installation();
  const { port } = collector.address() as AddressInfo;
  const env = { ...isopod.env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
  const first = spawn(isopod.command, ['version'], { env, stdio: 'ignore' });
  await new Promise((resolve) => first.once('exit', resolve));
});
afterAll(async () => {
  await isopod.close();
  collector.close();
});

function post(path: string, body: object, traceparent: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socketPath = join(isopod.state, 'agent.sock');
    const headers = { traceparent, 'content-type': 'application/json' };
    const sent = request({ socketPath, method: 'POST', path, headers, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

const HELLO = { rootfs: { kind: 'image', reference: 'hello' } };

test('a launch is told to the collector part by part, in the trace that its request came with', async () => {
  expect(await post('/v1/containers', { ...HELLO, name: 'one' }, `00-${TRACE}-${PARENT}-01`)).toBe(201);
  await until('its request has come', () =>
    spans.some(({ traceId, parentSpanId }) => traceId === TRACE && parentSpanId === PARENT),
  );
  const mine = spans.filter(({ traceId }) => traceId === TRACE);
  const server = mine.find(({ parentSpanId }) => parentSpanId === PARENT);
  expect(server?.name).toBe('POST /v1/containers');
  const launch = mine.find(({ name }) => name === 'launch');
  expect(launch?.parentSpanId).toBe(server?.spanId);
  const parts = mine.filter(({ parentSpanId }) => parentSpanId === launch?.spanId);
  expect(parts.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'launch: image',
      'launch: plan',
      'launch: monitor: exec',
      'launch: started',
      'its checkpoint',
    ]),
  );
  for (const { startTimeUnixNano, endTimeUnixNano } of parts) {
    expect(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano)).toBe(true);
    expect(BigInt(startTimeUnixNano) >= BigInt(launch?.startTimeUnixNano ?? 0)).toBe(true);
  }
  await until('the end of its command has come', () =>
    spans.some(({ name, links }) => name === 'end' && links?.[0]?.traceId === TRACE),
  );
});

test('a launch that fails tells why', async () => {
  const trace = 'a'.repeat(32);
  const body = { ...HELLO, entrypoint: ['/nowhere'] };
  await post('/v1/containers', body, `00-${trace}-${PARENT}-01`);
  await until('it has come', () => spans.some(({ traceId, name }) => traceId === trace && name === 'launch'));
  const launch = spans.find(({ traceId, name }) => traceId === trace && name === 'launch');
  expect(launch?.status).toMatchObject({ code: 2, message: expect.stringContaining('/nowhere') });
});

test('what its request did not want recorded is not told', async () => {
  const [silent, loud] = ['b'.repeat(32), 'c'.repeat(32)];
  await post('/v1/runs', { ...HELLO, autoRemove: true }, `00-${silent}-${PARENT}-00`);
  await post('/v1/runs', { ...HELLO, autoRemove: true }, `00-${loud}-${PARENT}-01`);
  await until('the other has come', () => spans.some(({ traceId }) => traceId === loud));
  expect(spans.filter(({ traceId }) => traceId === silent)).toEqual([]);
});

test('spans that still wait are sent when the agent ends', async () => {
  const trace = 'd'.repeat(32);
  await post('/v1/runs', { ...HELLO, autoRemove: true }, `00-${trace}-${PARENT}-01`);
  await isopod.endAgent();
  expect(spans.filter(({ traceId }) => traceId === trace).map(({ name }) => name)).toContain('launch');
});
