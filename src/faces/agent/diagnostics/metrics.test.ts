import { afterEach, beforeEach, expect, test } from 'vitest';
import { completeConfig } from '../../../model/container-request.ts';
import { fakeDiagnostics, fakeEngine, statusOf } from '../fake-engine.fixture.ts';
import { ServedAgent } from '../served-agent.fixture.ts';

const COMPLETE = completeConfig({ rootfs: { kind: 'none' }, command: ['true'] });
let agent: ServedAgent;

beforeEach(async () => {
  agent = await ServedAgent.listen();
});
afterEach(() => agent.close());

test('requests are counted by route, not by path, and what no route takes is counted together', async () => {
  agent.server.serve(
    fakeEngine({
      status: async () => statusOf(COMPLETE),
      diagnostics: fakeDiagnostics({ metrics: () => agent.metricRegistry.collect() }),
    }),
  );
  await agent.send('GET', '/v1/containers/web');
  await agent.send('GET', '/v1/containers/db');
  await agent.send('PATCH', '/v1/wherever');
  await agent.call('GET_HEALTH');
  await agent.call('MADE_UP');
  const { text, status } = await agent.send('GET', '/metrics');
  expect(status).toBe(200);
  const lines = text.split('\n').filter((line) => /^isopod_(api_requests|operator_calls)_total/.test(line));
  expect(lines).toEqual([
    'isopod_api_requests_total{method="GET",route="/v1/containers/:id",status="200"} 2',
    'isopod_api_requests_total{method="other",route="none",status="404"} 1',
    'isopod_api_requests_total{method="POST",route="/api/v1",status="200"} 1',
    'isopod_api_requests_total{method="POST",route="/api/v1",status="501"} 1',
    'isopod_operator_calls_total{type="GET_HEALTH",status="200"} 1',
  ]);
  expect(text).toContain('isopod_api_requests_in_progress 1\n');
});

test('metrics come as Prometheus reads them, and as the operator API has them', async () => {
  agent.metricRegistry.counter({ name: 'isopod_destroy_errors_total', help: 'h' }).add(3);
  agent.server.serve(fakeEngine({ diagnostics: fakeDiagnostics({ metrics: () => agent.metricRegistry.collect() }) }));
  expect((await agent.send('GET', '/metrics')).text).toContain(
    '# HELP isopod_destroy_errors_total h\n# TYPE isopod_destroy_errors_total counter\nisopod_destroy_errors_total 3\n',
  );
  const answer = await agent.call('GET_METRICS', { timeout: { nanoseconds: 5_000_000_000 } });
  expect(answer.json()).toMatchObject({ type: 'GET_METRICS' });
  const { metrics } = answer.json().get_metrics as { metrics: unknown[] };
  expect(metrics).toContainEqual({ name: 'containerizer/mesos/container_destroy_errors', value: 3 });
});
