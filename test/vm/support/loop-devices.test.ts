import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loopDevicesOf } from './loop-devices.ts';

let devices: string;
beforeEach(() => {
  devices = mkdtempSync(join(tmpdir(), 'isopod-loop-devices-'));
});
afterEach(() => rmSync(devices, { recursive: true }));

function device(name: string, attributes: Readonly<Record<string, string>>): void {
  mkdirSync(join(devices, name, 'loop'), { recursive: true });
  for (const [file, text] of Object.entries(attributes)) writeFileSync(join(devices, name, file), `${text}\n`);
}

test('loop devices are told by the file that they show', () => {
  device('loop0', { 'loop/backing_file': '/root/erofs/a', 'loop/autoclear': '1', ro: '1' });
  device('loop1', { 'loop/backing_file': '/elsewhere', 'loop/autoclear': '0', ro: '0' });
  device('loop2', { ro: '0' });
  device('sda', { ro: '0' });
  expect(loopDevicesOf('/root/erofs', devices)).toEqual([
    { name: 'loop0', backingFile: '/root/erofs/a', isAutoclear: true, isReadOnly: true },
  ]);
});

test.each([
  ['whether it goes with its last user', { ro: '1' }],
  ['whether it is read-only', { 'loop/autoclear': '1' }],
])('a device that goes before it is read %s is none any more', (_what, rest) => {
  device('loop0', { 'loop/backing_file': '/root/erofs/a', ...rest });
  expect(loopDevicesOf('/root/erofs', devices)).toEqual([]);
});
