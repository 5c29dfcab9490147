import { expect, test } from 'vitest';
import { completeConfig } from './container-request.ts';
import { healthCheckOf, parseHealthRequest } from './health.ts';

const COMMAND = { command: ['check'] };

test('what nobody says is as usual', () => {
  expect(healthCheckOf({ check: COMMAND }, undefined)).toEqual({
    ...{ command: ['check'], intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5_000 },
    ...{ retries: 3, onFailure: 'none' },
  });
  expect(healthCheckOf(undefined, undefined)).toBe(undefined);
});

test('the caller is asked before the image, field by field', () => {
  const image = { command: ['of image'], intervalMs: 7_000, retries: 9 };
  expect(healthCheckOf({ retries: 2 }, image)).toMatchObject({ command: ['of image'], intervalMs: 7_000, retries: 2 });
  expect(healthCheckOf({ check: COMMAND }, image)).toMatchObject({ command: ['check'], intervalMs: 7_000 });
  expect(healthCheckOf({ check: 'none' }, image)).toBe(undefined);
});

test('an image is kept within bounds', () => {
  expect(healthCheckOf(undefined, { command: ['a'], intervalMs: 1, retries: 1e9 })).toMatchObject({
    ...{ intervalMs: 100, retries: 1_000 },
  });
});

test('options without anything to check are refused by name', () => {
  expect(() => healthCheckOf({ retries: 2 }, undefined)).toThrowError(
    expect.objectContaining({ code: 'health.nothingToCheck', details: { field: 'retries' } }),
  );
});

test.each([
  { intervalMs: 99 },
  { timeoutMs: 0 },
  { startPeriodMs: -1 },
  { retries: 0 },
  { intervalMs: 1e12 },
  { retries: 1.5 },
])('%j is out of bounds', (request) => {
  expect(() => parseHealthRequest(request)).toThrowError(expect.objectContaining({ code: 'health.badTime' }));
});

test.each([[[]], [['']]])('%j is no command', (command) => {
  expect(() => parseHealthRequest({ check: { command } })).toThrowError(
    expect.objectContaining({ code: 'health-check.noCommand' }),
  );
});

test('what goes with its end is not started again for its health either', () => {
  const health = { check: COMMAND, onFailure: 'restart' } as const;
  const request = { rootfs: { kind: 'none' }, command: ['true'], health } as const;
  expect(completeConfig(request).health).toEqual(health);
  expect(() => completeConfig({ ...request, autoRemove: true })).toThrowError(
    expect.objectContaining({ code: 'restart-policy.removedWithEnd' }),
  );
});
