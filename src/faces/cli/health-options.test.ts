import { expect, test } from 'vitest';
import { healthOf, readinessOf } from './health-options.ts';

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

test.each([
  ['8080', { port: 8080 }],
  [':8080/a/b?c', { port: 8080, path: '/a/b?c' }],
  ['8080/', { port: 8080, path: '/' }],
  ['http://web:8080/a', { port: 8080, path: '/a', host: 'web:8080' }],
  ['http://web/a', { port: 80, path: '/a', host: 'web' }],
  ['http://:8080', { port: 8080 }],
  ['https://web/a', { port: 443, path: '/a', host: 'web', scheme: 'https' }],
])('%s is asked by HTTP as %j', (healthHttp, http) => {
  expect(healthOf({ healthHttp })).toEqual({ check: { http } });
});

test('readiness is said in the same words, and needs something to ask', () => {
  expect(readinessOf({ readinessTcp: '90', readinessRetries: '2' })).toEqual({
    check: { tcp: { port: 90 } },
    retries: 2,
  });
  expect(readinessOf({ readinessCmd: '["a"]' })).toEqual({ check: { command: ['a'] } });
  expect(readinessOf({})).toBe(undefined);
});

test.each([
  [() => healthOf({ healthHttp: 'web/a' })],
  [() => healthOf({ healthHttp: '8080', healthTcp: '80' })],
  [() => healthOf({ healthTcp: 'http' })],
  [() => healthOf({ healthTcp: '80', healthcheck: false })],
  [() => readinessOf({ readinessInterval: '1s' })],
  [() => readinessOf({ readinessCmd: 'none' })],
])('%s is refused', (parse) => {
  expect(parse).toThrowError(expect.objectContaining({ code: 'cli.badValue' }));
});
