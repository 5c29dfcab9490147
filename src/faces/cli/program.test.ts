import { expect, test } from 'vitest';
import type { CliContext } from './context.ts';
import { buildProgram, runProgram } from './program.ts';

const context = { env: {}, version: '1.2.3' } as unknown as CliContext;
const program = buildProgram(context, () => {});
const help = (name: string): string => {
  const command = program.commands.find((found) => found.name() === name);
  return command?.configureHelp({ helpWidth: 110 }).helpInformation() ?? '';
};

test('the commands', () => {
  const names = [
    'run',
    'exec',
    'ps',
    'start',
    'restart',
    'logs',
    'attach',
    'wait',
    'inspect',
    'kill',
    'stop',
    'rm',
    'update',
    'pause',
    'unpause',
    'stats',
    'pressure',
    'cp',
    'events',
    'pull',
    'images',
    'rmi',
    ...['image', 'tag', 'history', 'commit', 'diff', 'export'],
    ...['push', 'copy', 'save', 'load', 'import'],
    ...['login', 'logout', 'search'],
    'container',
    'system',
    'volume',
    'token',
  ];
  expect(program.commands.map((command) => command.name())).toEqual([
    ...names,
    'explain',
    'doctor',
    'agent',
    'version',
    'debug',
    'help',
  ]);
});

test('ps takes its filters by their short name, too', () => {
  expect(help('ps')).toContain('-f, --filter <key=value>');
});

test('the help of run', async () => {
  await expect(help('run')).toMatchFileSnapshot('testdata/run-help.txt');
});

test.each([
  [['help'], 0, 'Commands:'],
  [['help', 'wait'], 0, 'isopod wait [options] <containers...>'],
  [['help', 'nope'], 125, "isopod: unknown command 'nope'"],
  [['nope'], 125, "isopod: unknown command 'nope'"],
])('%j ends with %i and tells %j', async (words, code, told) => {
  let text = '';
  const stream = { write: (part: string) => (text += part) };
  const talking = { ...context, stdout: stream, stderr: stream } as unknown as CliContext;
  expect(await runProgram(talking, words)).toBe(code);
  expect(text).toContain(told);
});

test('the help of exec', async () => {
  await expect(help('exec')).toMatchFileSnapshot('testdata/exec-help.txt');
});

test('the help of run says what the default network is', () => {
  expect(help('run').replace(/\s+/g, ' ')).toContain('none: loopback only (the default until networks land)');
});
