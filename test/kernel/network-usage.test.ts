import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import { EngineHost } from './support/engine-host.ts';
import { shellConfig } from './support/shell-config.ts';

let host: EngineHost;
let engine: Engine;
beforeEach(async () => {
  host = new EngineHost();
  engine = await host.open();
});
afterEach(() => host.close());

async function usageOf(name: string): Promise<Readonly<Record<string, number>>> {
  const [stats] = await engine.stats({ ids: [name] });
  expect(stats?.unreadable).toEqual([]);
  return stats?.usage ?? {};
}

/** Runs a command of the host in the network namespace of a container. */
async function inNetworkOf(name: string, command: string): Promise<void> {
  const { pid } = await engine.status(name);
  execFileSync('nsenter', ['-t', String(pid), '-n', 'bash', '-c', command]);
}

test('what a container sends itself is told of its loopback, and is not in the sums', async () => {
  await engine.launch(shellConfig('one', 'exec sleep 1000'));
  const before = await usageOf('one');
  expect(before['network.lo.sentBytes']).toBe(0);
  await inNetworkOf('one', 'echo hello >/dev/udp/127.0.0.1/9');
  const after = await usageOf('one');
  // An IPv4 and a UDP header, and six bytes; the refusal of the port comes back the same way.
  expect(after['network.lo.sentBytes']).toBeGreaterThanOrEqual(20 + 8 + 6);
  expect(after['network.lo.receivedBytes']).toBe(after['network.lo.sentBytes']);
  expect(after).toMatchObject({ networkReceivedBytes: 0, networkSentBytes: 0 });
  expect(await engine.usage('one')).toMatchObject({ 'network.lo.sentBytes': after['network.lo.sentBytes'] });
});

test('what goes out by another interface is told of that one, and in the sums', async () => {
  await engine.launch(shellConfig('one', 'exec sleep 1000'));
  await inNetworkOf(
    'one',
    [
      'ip link add name v0 type veth peer name v1',
      'ip link set v0 up && ip link set v1 up',
      'ip addr add 192.0.2.1/24 dev v0 && ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev v0',
      'echo hello >/dev/udp/192.0.2.2/9',
    ].join(' && '),
  );
  const usage = await usageOf('one');
  // With an Ethernet header.
  expect(usage['network.v0.sentBytes']).toBeGreaterThanOrEqual(14 + 20 + 8 + 6);
  expect(usage['network.v1.receivedBytes']).toBeGreaterThanOrEqual(14 + 20 + 8 + 6);
  expect(usage.networkSentBytes).toBeGreaterThanOrEqual(14 + 20 + 8 + 6);
  expect(usage.networkReceivedBytes).toBeGreaterThanOrEqual(14 + 20 + 8 + 6);
  expect(usage['network.v0.sendErrors']).toBe(0);
});

test("the host's network is nobody's own: nothing of it is told", async () => {
  await engine.launch(shellConfig('one', 'exec sleep 1000', { network: 'host' }));
  expect(Object.keys(await usageOf('one')).filter((name) => name.startsWith('network'))).toEqual([]);
});

test('many containers, read by the helper, tell what each tells alone', async () => {
  const names = ['one', 'two', 'three', 'four', 'five', 'six'];
  const pidsLimitOf = (name: string): number => 20 + names.indexOf(name);
  for (const name of names) {
    await engine.launch(shellConfig(name, 'exec sleep 1000', { resources: { pidsLimit: pidsLimitOf(name) } }));
  }
  await inNetworkOf('three', 'echo hello >/dev/udp/127.0.0.1/9');
  const stats = await engine.stats();
  expect(stats.map(({ name, unreadable }) => [name, unreadable])).toEqual(names.map((name) => [name, []]));
  for (const { name, usage, pressure } of stats) {
    const alone = await engine.stats({ ids: [name] });
    expect(Object.keys(usage)).toEqual(Object.keys(alone[0]?.usage ?? {}));
    expect(Object.keys(pressure)).toEqual(Object.keys(alone[0]?.pressure ?? {}));
    expect(usage).toMatchObject({ pids: 1, pidsLimit: pidsLimitOf(name) });
    expect((usage['network.lo.sentBytes'] ?? 0) > 0).toBe(name === 'three');
  }
});
