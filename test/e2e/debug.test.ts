import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Installation, until } from './support/installation.ts';

let isopod: Installation;
let silentRegistry: Server;
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['version']);
  silentRegistry = createServer(() => {}); // takes requests and never answers
  await new Promise<void>((resolve) => silentRegistry.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  silentRegistry.closeAllConnections();
  silentRegistry.close();
  await isopod.close();
});

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly requestId?: string;
  readonly container?: string;
  readonly kind?: string;
  readonly url?: string;
  readonly route?: string;
}

function logLines(): readonly Line[] {
  const lines = readFileSync(join(isopod.state, 'agent.log'), 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

interface OperationJson {
  readonly id: string;
  readonly kind: string;
  readonly subject: string | null;
}

async function operations(): Promise<readonly OperationJson[]> {
  return JSON.parse(await isopod.expect(['debug', 'operations', '--json']));
}

test('a pull that hangs is listed, and ends when it is cancelled', async () => {
  const reference = `127.0.0.1:${(silentRegistry.address() as AddressInfo).port}/stuck`;
  const pulling = isopod.run(['pull', reference]);
  let found: OperationJson | undefined;
  await until('the pull is listed', async () => {
    found = (await operations()).find(({ kind }) => kind === 'pull');
    return found !== undefined;
  });
  expect(found?.subject).toContain('/stuck');
  expect(await isopod.expect(['debug', 'operations'])).toMatch(/^op\d+ +pull .*\/stuck/m);
  expect(await isopod.expect(['debug', 'cancel', found?.id ?? ''])).toBe(found?.id);
  expect((await pulling).code).not.toBe(0);
  expect((await operations()).filter(({ kind }) => kind === 'pull')).toEqual([]);
});

test('a run whose image is never sent is given up when its pull is cancelled, and its name is free', async () => {
  const reference = `127.0.0.1:${(silentRegistry.address() as AddressInfo).port}/other`;
  const running = isopod.run(['run', '--name', 'one', reference]);
  let found: OperationJson | undefined;
  // The launch before it, which is told that the image is not here, may be listed too: it ends by itself.
  await until('its pull is listed', async () => {
    found = (await operations()).find(({ kind, subject }) => kind === 'pull' && subject?.includes('/other'));
    return found !== undefined;
  });
  await isopod.expect(['debug', 'cancel', found?.id ?? '']);
  expect((await running).code).toBe(125);
  expect(await isopod.expect(['run', '--rm', '--name', 'one', 'hello'])).not.toBe('');
});

test('an operation that is not there cannot be cancelled', async () => {
  const { code, stderr } = await isopod.run(['debug', 'cancel', 'op999999']);
  expect(code).toBe(1);
  expect(stderr).toContain('no operation "op999999" is under way');
});

test('lines of the log name the request and the container, and more is told at a lower level', async () => {
  expect(await isopod.expect(['debug', 'logging-level'])).toBe('info');
  await isopod.expect(['run', '--rm', 'hello']);
  expect(await isopod.expect(['debug', 'logging-level', 'debug', '--for', '10m'])).toMatch(
    /^debug until .*, then info$/,
  );
  const uid = await isopod.expect(['run', '-d', 'hello']);
  await isopod.expect(['wait', uid]);
  await isopod.expect(['debug', 'logging-level', 'info']);
  await isopod.expect(['rm', uid]);
  await until('it is all written', () =>
    logLines().some(({ url }) => url?.startsWith(`/v1/containers/${uid}?`) ?? url === `/v1/containers/${uid}`),
  );
  const lines = logLines();
  const launches = lines.filter((line) => line.kind === 'launch' && line.container?.startsWith(uid));
  expect(launches.map(({ msg }) => msg)).toEqual(['operation begins', 'operation is over']);
  expect(launches[0]).toMatchObject({ level: 20, requestId: expect.stringMatching(/^[0-9a-z]+-/) });
  const request = lines.filter(({ msg, requestId }) => msg === 'request' && requestId === launches[0]?.requestId);
  expect(request).toMatchObject([{ container: uid, route: '/v1/containers' }]);
});

test('a level that there is not, and a time for none, are refused', async () => {
  expect(await isopod.run(['debug', 'logging-level', 'loud'])).toMatchObject({ code: 125 });
  expect(await isopod.run(['debug', 'logging-level', '--for', '1m'])).toMatchObject({ code: 125 });
});

test('metrics are printed as they are served', async () => {
  expect(await isopod.expect(['debug', 'metrics'])).toContain('# TYPE isopod_launches_total counter');
});
