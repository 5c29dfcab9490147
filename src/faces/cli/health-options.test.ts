import { expect, test } from 'vitest';
import { healthOf } from './health-options.ts';

test.each([
  ['curl -f localhost', ['/bin/sh', '-c', 'curl -f localhost']],
  ['[ -f /ready ]', ['/bin/sh', '-c', '[ -f /ready ]']],
  ['["curl", "-f"]', ['curl', '-f']],
  ['["CMD", "curl"]', ['curl']],
  ['["CMD-SHELL", "a | b"]', ['/bin/sh', '-c', 'a | b']],
])('%s is run as %j', (healthCmd, command) => {
  expect(healthOf({ healthCmd })).toEqual({ check: { command } });
});

test('times and actions are given on, and nothing is nothing', () => {
  expect(healthOf({ healthInterval: '1m', healthRetries: '2', healthOnFailure: 'kill' })).toEqual({
    ...{ intervalMs: 60_000, retries: 2, onFailure: 'kill' },
  });
  expect(healthOf({})).toBe(undefined);
});

test('no check and a check exclude each other', () => {
  expect(healthOf({ healthcheck: false })).toEqual({ check: 'none' });
  expect(healthOf({ healthCmd: 'none' })).toEqual({ check: 'none' });
  expect(() => healthOf({ healthcheck: false, healthRetries: '2' })).toThrow('--no-healthcheck');
});

test.each([[{ healthCmd: '["a", 1]' }], [{ healthInterval: 'soon' }], [{ healthRetries: '0' }]])(
  '%j is refused',
  (options) => {
    expect(() => healthOf(options)).toThrowError(expect.objectContaining({ code: 'cli.badValue' }));
  },
);
