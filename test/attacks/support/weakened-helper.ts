import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '../../..');
const NATIVE = join(REPOSITORY, 'native');

/** Defences that native/test/without.c can take away, and the functions that each block there stands in for. */
const STAND_INS = {
  SEALED_PROGRAM: ['image_protect'],
  CLOSED_DESCRIPTORS: ['process_close_from', 'process_close_on_exec_from'],
  RESOLVED_PATHS: ['syscall'],
  PATHS_RESOLVED_ONCE: ['path_make'],
  REFUSED_LINKS: ['path_make'],
  VERIFIED_NULL: ['fstat'],
  TERMINAL_BY_DESCRIPTOR: ['terminal_open'],
  OWN_PROCFS: ['procfs_open'],
  BOUNDED_IDS: ['passwd_number'],
  NUMBERS_AS_IDS: ['passwd_find_user'],
  EXACT_RIGHTS: ['syscall', 'setgroups'],
  HIDDEN_PATHS: ['step_mask_path', 'step_read_only_path', 'filesystem_mount', 'mount_setattr'],
  UNTRACEABLE: ['prctl'],
  LATE_APPEARANCE: ['session_appears_at'],
  FORGOTTEN_REQUEST: ['session_forget'],
  HELD_BACK_OUTPUT: ['output_wanted'],
} as const;

export type Defence = keyof typeof STAND_INS;

export interface WeakenedHelper {
  readonly binary: string;
  dispose(): void;
}

/** The helper as it was built, linked anew without some of its defences, in a directory of its own. */
export function weakenedHelper(...without: readonly Defence[]): WeakenedHelper {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-weakened-'));
  const binary = join(directory, 'isopod-helper');
  const objects = readFileSync(join(REPOSITORY, '.build/native/linked'), 'utf8').trim().split(/\s+/);
  const functions = new Set(without.flatMap((defence) => STAND_INS[defence]));
  execFileSync(
    'gcc',
    [
      ...['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE=', '-fPIE', '-static-pie'],
      ...without.map((defence) => `-DISOPOD_TEST_WITHOUT_${defence}`),
      ...[...functions].map((name) => `-Wl,--wrap=${name}`),
      ...[`-I${NATIVE}`, '-o', binary, join(NATIVE, 'test/without.c'), ...objects],
    ],
    { cwd: REPOSITORY, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  return { binary, dispose: () => rmSync(directory, { recursive: true }) };
}
