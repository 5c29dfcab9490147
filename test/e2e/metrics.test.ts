import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordLockHolder } from '../support/instance-view.ts';
import { Installation, until } from './support/installation.ts';

let isopod: Installation;
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['version']);
});
afterAll(() => isopod.close());

/** What `GET /metrics` says, by series. */
async function metrics(): Promise<ReadonlyMap<string, number>> {
  const samples = (await metricsText()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

function metricsText(): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: join(isopod.state, 'agent.sock'), path: '/metrics', agent: false },
      (response) => {
        expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('error', reject);
        response.on('end', () => resolve(body));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

test('launches, ends, kills for want of memory and the agent itself are told', async () => {
  await isopod.expect(['run', '--rm', 'hello']);
  const hog = 'dd if=/dev/zero of=/dev/null bs=60000000 count=1 2>/dev/null; exit 3';
  await isopod.run(['run', '--rm', '--no-image', '-m', '16m', '/bin/sh', '-c', hog]);
  await until('both are gone', async () => (await metrics()).get('isopod_destroys_total{reason="ended"}') === 2);
  const told = await metrics();
  expect(told.get('isopod_launches_total{outcome="ok"}')).toBe(2);
  expect(told.get('isopod_launch_duration_seconds_count')).toBe(2);
  expect(told.get('isopod_container_ends_total{reason="exited"}')).toBe(1);
  expect(told.get('isopod_container_ends_total{reason="limitation"}')).toBe(1);
  expect(told.get('isopod_oom_kills_total')).toBe(1);
  expect(told.get('isopod_containers{state="running"}')).toBe(0);
  expect(told.get('process_resident_memory_bytes')).toBeGreaterThan(10e6);
  expect(told.get('isopod_api_requests_total{method="POST",route="/v1/containers",status="201"}')).toBe(2);
});

test('a fork server that was killed and replaced is counted', async () => {
  expect((await metrics()).get('isopod_helper_restarts_total')).toBe(0);
  const forkServer = recordLockHolder(join(isopod.state, 'helper.sock.lock'));
  process.kill(forkServer ?? 0, 'SIGKILL');
  await isopod.expect(['run', '--rm', 'hello']);
  expect((await metrics()).get('isopod_helper_restarts_total')).toBe(1);
});

test('the page on diagnostics names every metric that there is, and no other', async () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'diagnostics.md'), 'utf8');
  const named = [...page.matchAll(/^\| `([a-z_]+)(?:\{[a-z,]+\})?` \| (?:counter|gauge|histogram) \|/gm)].map(
    ([, name]) => name,
  );
  const told = [...(await metricsText()).matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name);
  expect(told.sort()).toEqual(named.sort());
});
