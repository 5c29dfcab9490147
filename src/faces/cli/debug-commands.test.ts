import { expect, test } from 'vitest';
import { type OperationJson, operationsTable } from './debug-commands.ts';

const operation: OperationJson = {
  ...{ id: 'op7', kind: 'launch', container: 'aabbccddeeff', subject: null, note: null, sinceMs: 0, requestId: null },
  ...{ isCancellable: true, steps: [] },
};

test('each step that is waited for has a line, with how long and until when', () => {
  const steps = [
    { what: 'preparing the isolators', sinceMs: 9_000, deadlineAtMs: 19_000 },
    { what: 'preparation of network/cni', sinceMs: 9_500, deadlineAtMs: null },
  ];
  expect(operationsTable([{ ...operation, steps }], 10_000)).toBe(
    [
      'OPERATION  KIND    CONTAINER     SINCE  DEADLINE  WAITS FOR',
      'op7        launch  aabbccddeeff  1.0 s  in 9.0 s  preparing the isolators',
      'op7        launch  aabbccddeeff  0.5 s  none      preparation of network/cni',
      '',
    ].join('\n'),
  );
});

test('an operation that waits for no step tells what it is about', () => {
  const pull = { ...operation, kind: 'pull', container: null, subject: 'alpine', note: '3 layers' };
  expect(operationsTable([pull], 2_500).split('\n')[1]).toBe(
    'op7        pull             2.5 s            alpine: 3 layers',
  );
});

test('what a registry has sent does not reach the terminal as it is', () => {
  expect(operationsTable([{ ...operation, note: '\x1b[2J' }], 0)).not.toContain('\x1b');
});
