import { existsSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';

let host: IsopodHost;
beforeAll(async () => {
  host = await IsopodHost.make();
  await host.startAgent();
});
afterAll(() => host.close());
afterEach(() => host.removeAll());

/** Writes its name to the file `$1` at each SIGUSR1; `$1.NAME` is there once it does. */
const noting = (name: string): string =>
  `trap 'echo ${name} >>"$1"' USR1; : >"$1.${name}"; while :; do sleep 0.1; done`;
const told = (file: string): readonly string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).sort() : [];

/** `web` has two processes that note signals, and another container in it a third. @returns where they note them */
async function inhabited(): Promise<string> {
  const file = host.flag();
  const both = `(${noting('second')}) & ${noting('first')}`;
  await host.launch({ name: 'web', command: ['/bin/sh', '-c', both, 'sh', file] });
  await host.launch({ name: 'db', parent: 'web', command: ['/bin/sh', '-c', noting('nested'), 'sh', file] });
  await until('all note signals', () => ['first', 'second', 'nested'].every((name) => existsSync(`${file}.${name}`)));
  return file;
}

test('kill sends its signal to the first process, and with --all to every one, nested ones too', async () => {
  const file = await inhabited();
  await host.expect(['kill', '-s', 'USR1', 'web']);
  await until('the first has noted it', () => told(file).length > 0);
  expect(told(file)).toEqual(['first']);
  await host.expect(['kill', '--all', '-s', 'USR1', 'web']);
  await until('all have noted it', () => told(file).length === 4);
  expect(told(file)).toEqual(['first', 'first', 'nested', 'second']);
  expect(await host.inspect('web')).toMatchObject({ state: 'running' });
});

test('in one that stands still the signal waits, and it is left standing still', async () => {
  const file = await inhabited();
  await host.expect(['pause', 'web']);
  await host.expect(['kill', '-a', '-s', 'USR1', 'web']);
  expect(await host.inspect('web')).toMatchObject({ state: 'paused' });
  expect(told(file)).toEqual([]);
  await host.expect(['unpause', 'web']);
  await until('all have noted it', () => told(file).length === 3);
});

test('SIGKILL to all is the end, and what has ended takes no signal', async () => {
  await inhabited();
  await host.expect(['kill', '-a', 'web']);
  expect(await host.wait('web')).toMatchObject({ exitStatus: { kind: 'signaled', signal: 9 } });
  const { status, body } = await host.api.call('POST', '/v1/containers/web/kill', { signal: 15, all: true });
  expect([status, body]).toMatchObject([412, { code: 'engine.notRunning' }]);
});
