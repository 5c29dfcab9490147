import { expect, test } from 'vitest';
import {
  absoluteReference,
  environmentLines,
  parseBytes,
  parseCpus,
  parseDetachKeys,
  parseDuration,
  parseLabels,
  parseMoment,
  parseNames,
  parseSignal,
  resolveEnvironment,
} from './values.ts';

const BAD = expect.objectContaining({ code: 'cli.badValue' });

test.each([
  ['64m', 64 * 2 ** 20],
  ['1.5g', 1.5 * 2 ** 30],
  ['512K', 512 * 1024],
  ['10MiB', 10 * 2 ** 20],
  ['4096', 4096],
])('size %s is %i bytes', (text, bytes) => {
  expect(parseBytes('-m', text)).toBe(bytes);
});

test.each(['', '0', '-1', '64q', 'm', '1e9', '99999999t'])('size %j is refused', (text) => {
  expect(() => parseBytes('-m', text)).toThrow(BAD);
});

test('CPUs are counted in thousandths', () => {
  expect(parseCpus('--cpus', '1.5')).toBe(1500);
  expect(() => parseCpus('--cpus', '0')).toThrow(BAD);
  expect(() => parseCpus('--cpus', 'two')).toThrow(BAD);
});

test.each([
  ['TERM', 15],
  ['sigkill', 9],
  ['10', 10],
  ['RTMIN+3', 37],
])('signal %s is %i', (text, number) => {
  expect(parseSignal('-s', text)).toBe(number);
});

test.each(['', 'NOPE', '0', '65'])('signal %j is refused', (text) => {
  expect(() => parseSignal('-s', text)).toThrow(BAD);
});

test('a moment is a time, seconds since 1970, or an age', () => {
  expect(parseMoment('--since', '1970-01-01T00:00:02Z', 0)).toBe(2000);
  expect(parseMoment('--since', '1.5', 0)).toBe(1500);
  expect(parseMoment('--since', '1m30s', 100_000)).toBe(10_000);
  expect(() => parseMoment('--since', 'yesterday', 0)).toThrow(BAD);
});

test('a duration is in seconds unless it says otherwise', () => {
  expect(parseDuration('--idle-exit', '30')).toBe(30_000);
  expect(parseDuration('--idle-exit', '1h1ms')).toBe(3_600_001);
  expect(() => parseDuration('--idle-exit', 'soon')).toThrow(BAD);
});

test('a label without a value has an empty one, and one without a key is refused', () => {
  expect(parseLabels(['a=1=2', 'b'])).toEqual({ a: '1=2', b: '' });
  expect(() => parseLabels(['=x'])).toThrow(BAD);
});

test('a bare variable takes our value, or stays bare', () => {
  expect(resolveEnvironment('-e', ['A=1', 'B', 'C'], { B: 'ours' })).toEqual(['A=1', 'B=ours', 'C']);
});

test('comments and empty lines of an environment file are left out', () => {
  expect(environmentLines('# x\n\nA=1\r\n  B=two words \n')).toEqual(['A=1', 'B=two words ']);
});

test('only local references are made absolute', () => {
  expect(absoluteReference('oci:dir:tag', '/here')).toBe('oci:/here/dir:tag');
  expect(absoluteReference('dir:../tree', '/here/below')).toBe('dir:/here/below/../tree');
  expect(absoluteReference('docker-archive:./a.tar:app:1', '/here')).toBe('docker-archive:/here/a.tar:app:1');
  expect(absoluteReference('aci:https://example.com/a.aci', '/here')).toBe('aci:https://example.com/a.aci');
  expect(absoluteReference('alpine:3', '/here')).toBe('alpine:3');
});

test('detach keys are bytes', () => {
  expect([...parseDetachKeys('ctrl-p,ctrl-q')]).toEqual([16, 17]);
  expect([...parseDetachKeys('a,ctrl-]')]).toEqual([97, 29]);
  expect(() => parseDetachKeys('ctrl-P1')).toThrow(BAD);
});

test('names are joined by commas, and no name is an empty list', () => {
  expect(parseNames('--isolation', 'linux/nnp, cgroups/pids')).toEqual(['linux/nnp', 'cgroups/pids']);
  expect(parseNames('--isolation', '')).toEqual([]);
});
