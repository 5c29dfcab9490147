import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EngineEvent } from '../../src/engine/event.ts';
import type { Engine } from '../../src/engine/facade.ts';
import { EngineHost } from './support/engine-host.ts';
import { until } from './support/helper-client.ts';
import { shellConfig } from './support/shell-config.ts';

const MIB = 1 << 20;
const resources = { memoryLimitBytes: 16 * MIB };
/** A child that holds more than its container may have; the shell that waits for it is small. */
const HOG = 'dd if=/dev/zero of=/dev/null bs=60000000 count=1';
/** Runs the hog whenever the file is there, and goes on after it. */
const ON_DEMAND = `while :; do if [ -e hog ]; then rm hog; ${HOG}; fi; sleep 0.05; done`;

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

const kills = (): readonly (number | undefined)[] =>
  events.flatMap((event) => (event.subject === 'container' && event.kind === 'oom' ? [event.limitation?.times] : []));

async function hog(name: string): Promise<void> {
  writeFileSync(join((await engine.status(name)).sandboxDir, 'hog'), '');
}

test('each kill for want of memory is told while the container runs, and once in its end', async () => {
  await engine.launch(shellConfig('one', ON_DEMAND, { resources }));
  await hog('one');
  await until('the first kill is told', () => kills().length === 1);
  expect(await engine.status('one')).toMatchObject({
    state: 'running',
    limitations: [{ isolator: 'cgroups/memory', times: 1, statistics: { memoryLimitBytes: 16 * MIB } }],
  });
  await hog('one');
  await until('the second kill is told', () => kills().length === 2);
  expect(kills()).toEqual([1, 2]);
  const { limitations } = await engine.stop('one', 0);
  expect(limitations).toMatchObject([{ isolator: 'cgroups/memory', times: 2 }]);
  expect(kills()).toEqual([1, 2]);
});

test('a kill that ends the container is told before its end', async () => {
  await engine.launch(shellConfig('one', `exec ${HOG}`, { resources }));
  await engine.wait('one');
  await until('the end is told', () => events.some(({ kind }) => kind === 'terminated'));
  expect(events.map(({ kind }) => kind)).toEqual(['created', 'started', 'oom', 'terminated']);
});

test('a container of an earlier engine is watched, and a limit that came later too', async () => {
  await engine.launch(shellConfig('one', ON_DEMAND));
  await engine.update('one', resources);
  await hog('one');
  await until('the kill is told', () => kills().length === 1);
  listening.abort();
  await engine.close();
  await open();
  await until('the status tells it again', async () => (await engine.status('one')).limitations.length === 1);
  await hog('one');
  await until('the next kill is told', () => kills().includes(2));
});
