import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../../engine/facade.ts';
import { fakeEngine, statusOf } from '../fake-engine.fixture.ts';
import { ServedAgent } from '../served-agent.fixture.ts';

let agent: ServedAgent;
beforeEach(async () => {
  agent = await ServedAgent.listen();
});
afterEach(() => agent.close());

const send = (type: string, fields: object, key: string) =>
  agent.send('POST', '/api/v1', {
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: { type, [type.toLowerCase()]: fields },
  });

test('a call that comes again with its key is done once, and with other fields it is refused', async () => {
  const keys: (string | undefined)[] = [];
  const launch: Engine['launch'] = async (config, _secrets, how) => {
    keys.push(how?.requestKey);
    return { status: statusOf(config), stream: undefined, timings: [], warnings: [] };
  };
  agent.server.serve(fakeEngine({ launch, check: async () => undefined }));
  const fields = { container_id: { value: 'web' }, command: { value: 'true' } };
  const statuses = [];
  for (const key of ['a', 'a', 'b']) statuses.push((await send('LAUNCH_CONTAINER', fields, key)).status);
  expect(statuses).toEqual([200, 200, 200]);
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(2);
  const other = await send('LAUNCH_CONTAINER', { ...fields, container_id: { value: 'db' } }, 'a');
  expect([other.status, other.text]).toEqual([400, expect.stringContaining('idempotency key a was used')]);
});

test('a call that changes nothing has no need of a key', async () => {
  agent.server.serve(fakeEngine({ list: async () => [], stats: async () => [] }));
  expect((await send('GET_CONTAINERS', {}, 'a')).status).toBe(200);
  expect((await send('GET_CONTAINERS', { show_nested: true }, 'a')).status).toBe(200);
});
