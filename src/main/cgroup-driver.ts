import { join } from 'node:path';
import type { Effects, Files } from '../base/effects.ts';
import { SYSTEMD_BOOTED, SYSTEMD_SOCKETS } from '../linux/systemd.ts';
import type { CgroupDriver } from '../model/cgroup-driver.ts';
import { systemErrorCode } from '../model/error.ts';
import type { LauncherKind } from '../model/launcher-kind.ts';
import { mainErrors } from './errors.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
/** What was in use where nothing tells. */
const FIRST_DRIVER = flagsOf({ kind: 'cgroupfs' });

/** What the driver `systemd` would need and this host lacks. */
export async function missingOfSystemd(files: Files): Promise<readonly string[]> {
  const isBooted = await files.exists(SYSTEMD_BOOTED);
  const sockets = await Promise.all(SYSTEMD_SOCKETS.map((path) => files.exists(path)));
  return [...(isBooted ? [] : [SYSTEMD_BOOTED]), ...(sockets.includes(true) ? [] : [SYSTEMD_SOCKETS.join(' nor ')])];
}

/** @throws {EngineError} `main.noSystemd`, `main.driverOfPosix` */
export async function checkCgroupDriver(files: Files, driver: CgroupDriver, launcher: LauncherKind): Promise<void> {
  if (driver.kind !== 'systemd') return;
  if (launcher === 'posix') throw mainErrors.driverOfPosix();
  const missing = await missingOfSystemd(files);
  if (missing.length > 0) throw mainErrors.noSystemd({ missing });
}

/**
 * Remembers which driver has made the groups of the containers that run, as long as this host runs. To another one they
 * would not exist.
 *
 * @throws {EngineError} `main.otherDriver`
 */
export async function rememberCgroupDriver(
  { files }: Pick<Effects, 'files'>,
  { state, driver }: { readonly state: string; readonly driver: CgroupDriver },
): Promise<void> {
  const path = join(state, 'cgroup-driver');
  const bootId = (await files.readText(BOOT_ID)).trim();
  const now = flagsOf(driver);
  const [boot, before = FIRST_DRIVER] = (await readOrEmpty(files, path)).trim().split('\n');
  const containers = await countContainers(files, join(state, 'c'));
  if (containers > 0 && before !== now && (boot === bootId || boot === '')) {
    throw mainErrors.otherDriver({ state, before, now, containers });
  }
  await files.writeAtomic(path, `${bootId}\n${now}\n`);
}

function flagsOf(driver: CgroupDriver): string {
  const slice = driver.kind === 'systemd' ? ` --systemd-slice ${driver.slice}` : '';
  return `--cgroup-driver ${driver.kind}${slice}`;
}

async function countContainers(files: Files, directory: string): Promise<number> {
  try {
    return (await files.list(directory)).length;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function readOrEmpty(files: Files, path: string): Promise<string> {
  try {
    return await files.readText(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw error;
  }
}
