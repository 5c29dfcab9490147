import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { containerRequestOf, environmentOf, type RunOptions } from './run-request.ts';

const VIEW = { cwd: '/here', env: {} };
const OPTIONS: RunOptions = { image: true, pull: 'missing', detachKeys: 'ctrl-p,ctrl-q' };
const requestOf = (words: readonly string[], options: Partial<RunOptions>) =>
  containerRequestOf(words, { ...OPTIONS, ...options }, VIEW);

test('the first word is the image, the rest the command', () => {
  expect(requestOf(['alpine', 'echo', 'hi'], {})).toMatchObject({
    rootfs: { kind: 'image', reference: 'alpine' },
    command: ['echo', 'hi'],
  });
});

test('without an image every word is the command', () => {
  expect(requestOf(['echo', 'hi'], { image: false })).toMatchObject({
    rootfs: { kind: 'none' },
    command: ['echo', 'hi'],
  });
  expect(requestOf(['echo'], { rootfs: 'tree' })).toMatchObject({
    rootfs: { kind: 'directory', path: '/here/tree' },
    command: ['echo'],
  });
});

test('every option becomes its field', () => {
  const options: Partial<RunOptions> = {
    memory: '64m',
    cpus: '0.5',
    pidsLimit: '10',
    env: ['A=1'],
    label: ['k=v'],
    volume: ['/a:/b:ro'],
    isolation: 'filesystem/linux, namespaces/pid',
    entrypoint: '',
    readOnly: true,
    rm: true,
    tty: true,
    interactive: true,
    init: true,
    stopSignal: 'RTMIN+3',
    stopTimeout: '90',
    hostname: 'h',
    user: 'u:g',
    workdir: '/w',
    name: 'n',
    network: 'host',
    logFormat: 'raw',
    logMaxSize: '1m',
    logMaxFiles: '3',
  };
  expect(requestOf(['alpine'], options)).toEqual({
    rootfs: { kind: 'image', reference: 'alpine' },
    name: 'n',
    labels: { k: 'v' },
    env: ['A=1'],
    workdir: '/w',
    user: 'u:g',
    hostname: 'h',
    entrypoint: [],
    resources: { memoryLimitBytes: 64 << 20, cpuMillis: 500, pidsLimit: 10 },
    volumes: [{ kind: 'host-path', hostPath: '/a', containerPath: '/b', readOnly: true }],
    network: 'host',
    log: { format: 'raw', maxBytes: 1 << 20, maxFiles: 3 },
    isolation: ['filesystem/linux', 'namespaces/pid'],
    init: true,
    stopSignal: 37,
    stopGraceMs: 90_000,
    readOnlyRootfs: true,
    autoRemove: true,
    terminal: true,
    stdin: true,
  });
});

test('a pids limit of 0 or -1 is no limit', () => {
  expect(requestOf(['alpine'], { pidsLimit: '-1' }).resources).toEqual({});
});

test('no image, and two root file systems, are refused', () => {
  expect(() => requestOf([], {})).toThrow(expect.objectContaining({ code: 'cli.noImage' }));
  expect(() => requestOf(['true'], { rootfs: '/r', image: false })).toThrow(
    expect.objectContaining({ code: 'cli.bothRootfs' }),
  );
});

test('a network is only said when it was typed, for what is said is a promise', () => {
  expect(requestOf(['a'], { network: 'none' })).toMatchObject({ network: 'none' });
  expect(requestOf(['a'], {})).not.toHaveProperty('network');
});
expect(requestOf(['a'], { isolation: 'filesystem/linux' })).not.toHaveProperty('network');

test('a name that we have no value of is passed on from -e, and left out from a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-env-'));
  writeFileSync(join(directory, 'env'), 'GONE\nKEPT\n');
  const options = { env: ['GONE_TOO', 'KEPT'], envFile: ['env'] };
  expect(environmentOf(options, { cwd: directory, env: { KEPT: 'ours' } })).toEqual([
    'KEPT=ours',
    'GONE_TOO',
    'KEPT=ours',
  ]);
  rmSync(directory, { recursive: true });
});
