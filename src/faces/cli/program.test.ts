import { expect, test } from 'vitest';
import type { CliContext } from './context.ts';
import { buildProgram } from './program.ts';

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
    'logs',
    'attach',
    'wait',
    'inspect',
    'kill',
    'stop',
    'rm',
    'pull',
    'images',
    'rmi',
  ];
  expect(program.commands.map((command) => command.name())).toEqual([
    ...names,
    'explain',
    'doctor',
    'agent',
    'version',
  ]);
});

test('the help of run', async () => {
  await expect(help('run')).toMatchFileSnapshot('testdata/run-help.txt');
});

test('the help of exec', async () => {
  await expect(help('exec')).toMatchFileSnapshot('testdata/exec-help.txt');
});

test('the help of run says what the default network is', () => {
  expect(help('run').replace(/\s+/g, ' ')).toContain('none: loopback only (the default until networks land)');
});
