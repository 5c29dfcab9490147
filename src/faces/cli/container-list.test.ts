import { expect, test } from 'vitest';
import type { AgentClient } from './agent-client.ts';
import type { ContainerJson } from './container-json.ts';
import { type PsOptions, psCommand } from './container-list.ts';
import type { CliContext } from './context.ts';

const LONG = ['/bin/sh', '-c', 'while true; do sleep 1; done; echo never'];
const named = (name: string, createdAtMs: number, more: Partial<ContainerJson> = {}): ContainerJson => ({
  ...{
    uid: `${name}${name}`,
    name,
    path: name,
    parent: null,
    depth: 0,
    state: 'running',
    createdAtMs,
    startedAtMs: createdAtMs,
  },
  ...{
    command: LONG,
    termination: null,
    config: { rootfs: { kind: 'image', reference: 'box:1' }, labels: {}, terminal: false },
  },
  ...more,
});
const ended = { state: 'terminated', termination: { exitStatus: { kind: 'exited', code: 3 }, finishedAtMs: 2_000 } };
const ALL = [named('old', 1_000), named('mid', 2_000, ended as Partial<ContainerJson>), named('new', 3_000)];

async function printed(options: PsOptions): Promise<string> {
  let text = '';
  const stdout = { write: (more: string) => (text += more) };
  const client = { call: async () => ALL };
  await psCommand({ stdout } as unknown as CliContext, client as unknown as AgentClient, options);
  return text;
}

test('a template prints the fields of each container', async () => {
  expect(await printed({ all: true, format: '{{.Names}} {{.Image}} {{.State}}' })).toBe(
    'new box:1 running\nmid box:1 terminated\nold box:1 running\n',
  );
});

test('a template that begins with table has a head', async () => {
  expect(await printed({ format: 'table {{.ID}}\\t{{.Names}}' })).toMatch(/^ID +NAMES\nnewnew +new\noldold +old\n$/);
});

test('a field that is not there is refused with those that are', async () => {
  await expect(printed({ format: '{{.Ports}}' })).rejects.toThrow(/no field Ports; there are ID, Image, Command/);
});

test('the newest are chosen among all, also those that have ended', async () => {
  expect(await printed({ quiet: true, last: '2' })).toBe('newnew\nmidmid\n');
  expect(await printed({ quiet: true, latest: true })).toBe('newnew\n');
  expect(await printed({ quiet: true })).toBe('newnew\noldold\n');
});

test('a long command is cut, unless it is wanted in full', async () => {
  const format = '{{.Command}}';
  expect(await printed({ latest: true, format })).not.toContain('never');
  expect(await printed({ latest: true, format, trunc: false })).toBe(`${LONG.join(' ')}\n`);
});
