/** Loop devices of this guest, and what of the kernel is a module that nobody has loaded. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';

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

/** Those that show a file in this directory, by its path when it was attached. */
export function loopDevicesOf(directory: string): readonly LoopDevice[] {
  return readdirSync(BLOCK_DEVICES).flatMap((name) => {
    const read = (file: string): string => readFileSync(join(BLOCK_DEVICES, name, file), 'utf8').trim();
    const backing = join(BLOCK_DEVICES, name, 'loop/backing_file');
    if (!name.startsWith('loop') || !existsSync(backing)) return [];
    const backingFile = read('loop/backing_file');
    if (!backingFile.startsWith(`${directory}/`)) return [];
    return [{ name, backingFile, isAutoclear: read('loop/autoclear') === '1', isReadOnly: read('ro') === '1' }];
  });
}
