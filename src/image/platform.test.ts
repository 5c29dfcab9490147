import { expect, test } from 'vitest';
import { formatPlatform, hostPlatform, parsePlatform, platformDistance } from './platform.ts';

test.each(['linux/amd64', 'linux/arm64/v8', 'windows/amd64'])('%s is parsed and written again', (text) => {
  expect(formatPlatform(parsePlatform(text))).toBe(text);
});

test('an architecture alone is one of Linux', () => {
  expect(formatPlatform(parsePlatform('arm64'))).toBe('linux/arm64');
});

test.each(['', 'linux', 'linux/', 'linux/amd64/', 'linux/amd64/v1/x', 'Linux/amd64'])('%j is refused', (text) => {
  expect(() => parsePlatform(text)).toThrow('os/architecture');
});

test.each([
  ['x64', 'linux/amd64'],
  ['arm64', 'linux/arm64'],
  ['arm', 'linux/arm/v7'],
  ['riscv64', 'linux/riscv64'],
])('Node says %s, images say %s', (node, platform) => {
  expect(formatPlatform(hostPlatform(node))).toBe(platform);
});

test.each([
  ['linux/amd64', 'linux/amd64', 0],
  ['linux/amd64', 'linux/amd64/v1', 0],
  ['linux/amd64', 'linux/amd64/v3', undefined],
  ['linux/amd64/v3', 'linux/amd64', 2],
  ['linux/arm64', 'linux/arm64/v8', 0],
  ['linux/arm/v7', 'linux/arm/v6', 1],
  ['linux/arm/v6', 'linux/arm/v7', undefined],
  ['linux/arm/v7', 'linux/arm', 0],
  ['linux/amd64', 'windows/amd64', undefined],
  ['linux/amd64', 'linux/arm64', undefined],
  ['linux/mips/hard', 'linux/mips/hard', 0],
  ['linux/mips/hard', 'linux/mips/soft', undefined],
])('on %s an image for %s is at distance %s', (wanted, offered, distance) => {
  expect(platformDistance(parsePlatform(wanted), parsePlatform(offered))).toBe(distance);
});
