import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ServiceManager } from '../effects.ts';
import { FakeSystemd } from './fake-systemd.fixture.ts';
import { nodeServiceManager } from './node-services.ts';
import { serviceManagerContract } from './services.contract.ts';

let directory: string;
let systemd: FakeSystemd;
let manager: ServiceManager;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isopod-dbus-'));
  systemd = new FakeSystemd();
  manager = nodeServiceManager({ busSocket: join(directory, 'bus'), privateSocket: join(directory, 'private') });
});

afterEach(async () => {
  manager.close();
  await systemd.close();
  await rm(directory, { recursive: true });
});

serviceManagerContract('straight on its own socket, where there is no bus', async () => {
  await systemd.listen(join(directory, 'private'));
  return { manager, systemd };
});

test('where nobody listens, the refusal is that of the system', async () => {
  await expect(manager.stopUnit('x.scope')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a connection that broke is made anew by the next call', async () => {
  await systemd.listen(join(directory, 'private'));
  await manager.stopUnit('x.scope');
  systemd.dropAll();
  await expect.poll(() => manager.stopUnit('x.scope').then(() => 'answered')).toBe('answered');
});

test('a job whose end nobody told is looked for', async () => {
  await systemd.listen(join(directory, 'private'));
  systemd.isSilent = true;
  await manager.startScope('x.scope', { pids: [1], properties: [] });
  expect(systemd.calls).toContain('GetUnit');
});
