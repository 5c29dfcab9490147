import { expect, test } from 'vitest';
import { formatPlatform, hostPlatform, parsePlatform, platformDistance } from './platform.ts';

test.each(['linux/amd64', 'linux/arm/v6', 'linux/amd64/v3', 'windows/amd64'])(
  '%s is parsed and written again',
  (text) => {
    expect(formatPlatform(parsePlatform(text))).toBe(text);
  },
);

test.each([
  ['arm64', 'linux/arm64'],
  ['aarch64', 'linux/arm64'],
  ['x86_64', 'linux/amd64'],
  ['armhf', 'linux/arm/v7'],
  ['linux', 'linux/riscv64'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/x86_64', 'linux/amd64'],
  ['Linux/AMD64', 'linux/amd64'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/7', 'linux/arm/v7'],
  ['linux/arm/v7', 'linux/arm/v7'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/i386', 'linux/386'],
  ['linux/armel', 'linux/arm/v6'],
  ['macos/arm64', 'darwin/arm64'],
])('%s is what others call %s', (written, platform) => {
  expect(formatPlatform(parsePlatform(written, hostPlatform('riscv64')))).toBe(platform);
});

test.each(['', 'toaster', 'linux/', 'linux/amd64/', 'linux/amd64/v1/x', 'linux/amd 64'])('%j is refused', (text) => {
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
