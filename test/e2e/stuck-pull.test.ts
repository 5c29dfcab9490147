import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';
import { OperatorClient } from './support/operator-client.ts';

/** Accepts every connection, and never answers. */
const connections = new Set<Socket>();
const registry = createServer((socket) => {
  connections.add(socket);
  socket.on('error', () => {});
});
let host: IsopodHost;
let image = '';
beforeAll(async () => {
  host = await IsopodHost.make();
  await host.startAgent();
  registry.listen(0, '127.0.0.1');
  await once(registry, 'listening');
  image = `127.0.0.1:${(registry.address() as AddressInfo).port}/stuck:1`;
});
afterAll(async () => {
  for (const socket of connections) socket.destroy();
  registry.close();
  await host.close();
});
afterEach(() => host.removeAll());

const client = new OperatorClient(() => join(host.state, 'agent.sock'));
const ID = { container_id: { value: 'stuck' } };

/** A launch whose image never comes. */
async function provisioning() {
  const container = { type: 'MESOS', mesos: { image: { type: 'DOCKER', docker: { name: image } } } };
  const launching = client.call('LAUNCH_CONTAINER', { ...ID, command: { value: 'true' }, container });
  launching.catch(() => {});
  await until('its image is waited for', async () =>
    (await host.expect(['debug', 'operations'])).includes('its image'),
  );
  return { launching };
}

test.each([
  ['isopod stop', () => host.expect(['stop', 'stuck'])],
  ['isopod kill', () => host.expect(['kill', 'stuck'])],
  ['isopod kill -s TERM', () => host.expect(['kill', '-s', 'TERM', 'stuck'])],
  ['KILL_CONTAINER', async () => expect(await client.call('KILL_CONTAINER', ID)).toMatchObject({ status: 200 })],
] as const)('%s ends a launch whose registry never answers', async (_, end) => {
  const { launching } = await provisioning();
  await end();
  const { status, text } = await launching;
  expect(status).toBeGreaterThanOrEqual(400);
  expect(text).toContain('was stopped before it started');
  expect(await host.expect(['ps', '-a', '-q'])).toBe('');
});

test('the deadline of the pull is shown with its launch, and a signal that ends nothing is refused', async () => {
  const { launching } = await provisioning();
  expect(await host.expect(['debug', 'operations'])).toMatch(/launch .* in \d+\.\d s +its image, stuck/);
  const { code, stderr } = await host.run(['kill', '-s', 'USR1', 'stuck']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('provisioning')]);
  expect(await host.expect(['rm', '-f', 'nope', 'stuck'])).toBe('stuck');
  await launching;
});
