/** What systemd and the kernel say of a process and its unit, in guests with either version of cgroups. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const MOUNT = '/sys/fs/cgroup';

/** Whether cgroup v2 is the only version here. */
export const IS_UNIFIED = existsSync(join(MOUNT, 'cgroup.controllers'));

/** Stands for a bound that is none. */
export const NO_BOUND = 'none';

/** @throws with what it complained */
export function systemctl(...words: readonly string[]): string {
  return execFileSync('systemctl', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Runs a program in a transient unit of its own and waits for its end. */
export function runInUnit(unit: string, properties: readonly string[], command: readonly string[]): void {
  const words = properties.flatMap((property) => ['-p', property]);
  execFileSync('systemd-run', ['-q', '--wait', '--collect', `--unit=${unit}`, ...words, ...command], {
    stdio: 'ignore',
  });
}

export function unitProperties(unit: string, names: readonly string[]): Readonly<Record<string, string>> {
  const lines = systemctl('show', unit, '-p', names.join(',')).split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** Scopes of a container that systemd knows, failed ones too. */
export function scopesOf(uid: string): readonly string[] {
  const lines = systemctl('list-units', '--all', '--no-legend', '--plain', `*${uid}.scope`).split('\n');
  return lines.map((line) => line.split(' ')[0] ?? '').filter(Boolean);
}

/** The group of a process in each hierarchy: `memory`, `name=systemd`, and `` for v2. */
export function groupsOf(pid: number): ReadonlyMap<string, string> {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [, controllers = '', ...path] = line.split(':');
      return [controllers, path.join(':')] as const;
    }),
  );
}

/** Groups of a container in any hierarchy, right below the slice. */
export function groupsLeft(uid: string): readonly string[] {
  const mounts = IS_UNIFIED ? [MOUNT] : readdirSync(MOUNT).map((name) => join(MOUNT, name));
  const slices = mounts.map((mount) => join(mount, 'isopod.slice')).filter((path) => existsSync(path));
  return slices.flatMap((slice) => readdirSync(slice).filter((name) => name.includes(uid)));
}

/** The bounds that hold a process: those of its group, or of the one above where that has none. */
export function boundsOf(pid: number): Readonly<Record<'memoryBytes' | 'processes' | 'cpuUs', string>> {
  if (IS_UNIFIED) {
    const above = join(MOUNT, groupsOf(pid).get('') ?? '', '..');
    const read = (file: string): string => boundIn(join(above, file));
    return { memoryBytes: read('memory.max'), processes: read('pids.max'), cpuUs: read('cpu.max') };
  }
  const read = (controller: string, file: string): string => {
    const [names = '', path = ''] = [...groupsOf(pid)].find(([one]) => one.split(',').includes(controller)) ?? [];
    return boundIn(join(MOUNT, names, path, file));
  };
  return {
    memoryBytes: read('memory', 'memory.limit_in_bytes'),
    processes: read('pids', 'pids.max'),
    cpuUs: read('cpu', 'cpu.cfs_quota_us'),
  };
}

function boundIn(file: string): string {
  const [value = ''] = readFileSync(file, 'utf8').trim().split(' ');
  return value === 'max' || Number(value) < 0 || Number(value) > 2 ** 60 ? NO_BOUND : value;
}
