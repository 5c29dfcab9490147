import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EngineEvent } from '../../src/engine/event.ts';
import type { Engine } from '../../src/engine/facade.ts';
import { EngineHost } from './support/engine-host.ts';
import { until } from './support/helper-client.ts';
import { shellConfig } from './support/shell-config.ts';

/** Whenever the file is there, the shell forks one process more than it may; the subshell that cannot dies, it goes on. */
const ON_DEMAND =
  'while :; do if [ -e more ]; then rm more; (sleep 9 & sleep 9 & sleep 9 & sleep 9 & wait); fi; sleep 0.05; done';
const resources = { pidsLimit: 3 };

let host: EngineHost;
let engine: Engine;
let events: EngineEvent[];
let listening: AbortController;

async function open(): Promise<void> {
  engine = await host.open();
  events = [];
  listening = new AbortController();
  const heard = engine.events(listening.signal);
  void (async () => {
    for await (const event of heard) events.push(event);
  })();
}

beforeEach(async () => {
  host = new EngineHost();
  await open();
});
afterEach(async () => {
  listening.abort();
  await host.close();
});

const told = (): readonly number[] =>
  events.flatMap((event) => (event.kind === 'limitation' ? [event.limitation?.times ?? 0] : []));

async function fork(name: string): Promise<void> {
  writeFileSync(join((await engine.status(name)).sandboxDir, 'more'), '');
}

test('a process that the kernel refuses is told while the container runs, and kills nobody', async () => {
  await engine.launch(shellConfig('one', ON_DEMAND, { resources }));
  expect((await engine.status('one')).limitations).toEqual([]);
  await fork('one');
  await until('the refusal is told', () => told().length > 0);
  expect(await engine.status('one')).toMatchObject({
    state: 'running',
    limitations: [{ isolator: 'cgroups/pids', resource: 'pids', statistics: { pidsLimit: 3 } }],
  });
  const { limitations, reason } = await engine.stop('one', 0);
  expect(limitations).toMatchObject([{ isolator: 'cgroups/pids' }]);
  expect(reason).toBe('killed');
  expect(events.some(({ kind }) => kind === 'oom')).toBe(false);
});

test('a limit that came by an update is watched, also by the engine that follows', async () => {
  await engine.launch(shellConfig('one', ON_DEMAND));
  await engine.update('one', resources);
  listening.abort();
  await engine.close();
  await open();
  await fork('one');
  await until('the refusal is told', () => told().length > 0);
});
