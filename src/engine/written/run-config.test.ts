import { describe, expect, test } from 'vitest';
import { runConfig } from './run-config.ts';

const SAID = { env: [], labels: {} };
const IMAGE = { Cmd: ['sh'], Entrypoint: ['/init'], Env: ['PATH=/bin'], Labels: { a: '1' }, Volumes: { '/data': {} } };

test('a container that nothing was said of has the config of its image', () => {
  expect(runConfig(IMAGE, SAID)).toEqual(IMAGE);
});

describe('what was said of a container', () => {
  test('goes over what its image says', () => {
    expect(
      runConfig(IMAGE, {
        env: ['PATH=/usr/bin', 'C=1', 'B=2', 'alone', 'C'],
        labels: { b: '2' },
        user: 'me',
        workdir: '/srv',
      }),
    ).toMatchObject({
      ...{ Env: ['PATH=/usr/bin', 'B=2'], Labels: { a: '1', b: '2' }, User: 'me', WorkingDir: '/srv' },
    });
  });

  test('a variable that was taken away is none of the new image', () => {
    expect(runConfig(IMAGE, { ...SAID, env: ['PATH'] })).toMatchObject({ Env: [] });
    expect(runConfig(IMAGE, { ...SAID, env: ['PATH', 'PATH=/x'] })).toMatchObject({ Env: ['PATH=/x'] });
  });

  test('a command takes the place of the command, an entrypoint that of both', () => {
    expect(runConfig(IMAGE, { ...SAID, command: ['ls'] })).toMatchObject({ Entrypoint: ['/init'], Cmd: ['ls'] });
    expect(runConfig(IMAGE, { ...SAID, entrypoint: ['/other'] })).toMatchObject({ Entrypoint: ['/other'], Cmd: [] });
    expect(runConfig(IMAGE, { ...SAID, entrypoint: [], command: ['ls'] })).toMatchObject({
      Entrypoint: [],
      Cmd: ['ls'],
    });
  });

  test('a check by a command goes along, one by HTTP has no words in an image', () => {
    const check = { command: ['ok'] };
    expect(runConfig({}, { ...SAID, health: { check, intervalMs: 1500, retries: 2 } })).toMatchObject({
      Healthcheck: { Test: ['CMD', 'ok'], Interval: 1.5e9, Retries: 2 },
    });
    expect(runConfig({}, { ...SAID, health: { check: 'none' } })).toMatchObject({ Healthcheck: { Test: ['NONE'] } });
    expect(runConfig({}, { ...SAID, health: { check: { http: { port: 80 } } } })).toEqual({});
  });
});
