/** Loop devices of this guest, and what of the kernel is a module that nobody has loaded. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { systemErrorCode } from '../../../src/model/error.ts';

const BLOCK_DEVICES = '/sys/block';

/** Where User-Mode Linux has its modules, which no modprobe finds. */
const UML_MODULES = {
  loop: 'drivers/block/loop.ko',
  erofs: 'fs/erofs/erofs.ko',
} as const;

export interface LoopDevice {
  readonly name: string;
  readonly backingFile: string;
  /** It goes with its last user. */
  readonly isAutoclear: boolean;
  readonly isReadOnly: boolean;
}

/** Loads a module of the kernel unless it is there. @throws when the kernel has none */
export function loadModule(name: keyof typeof UML_MODULES): void {
  if (existsSync(join('/sys/module', name))) return;
  const uml = join('/usr/lib/uml/modules', release(), 'kernel', UML_MODULES[name]);
  if (existsSync(uml)) execFileSync('busybox', ['insmod', uml]);
  else execFileSync('modprobe', [name]);
}

/**
 * Those that show a file in this directory, by its path when it was attached. One that goes while it is looked at is none any more.
 *
 * @param blockDevices where the kernel lists block devices
 */
export function loopDevicesOf(directory: string, blockDevices = BLOCK_DEVICES): readonly LoopDevice[] {
  return readdirSync(blockDevices).flatMap((name) => {
    const at = join(blockDevices, name);
    const backingFile = name.startsWith('loop') ? attributeOf(at, 'loop/backing_file') : undefined;
    if (backingFile?.startsWith(`${directory}/`) !== true) return [];
    const [autoclear, readOnly] = [attributeOf(at, 'loop/autoclear'), attributeOf(at, 'ro')];
    if (autoclear === undefined || readOnly === undefined) return [];
    return [{ name, backingFile, isAutoclear: autoclear === '1', isReadOnly: readOnly === '1' }];
  });
}

/** @returns undefined for a device that is gone, or is attached to nothing */
function attributeOf(device: string, attribute: string): string | undefined {
  try {
    return readFileSync(join(device, attribute), 'utf8').trim();
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'ENXIO'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}
