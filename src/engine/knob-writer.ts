import { dirname } from 'node:path';
import { unsetValue } from '../linux/cgroup-unset.ts';
import { parseBound } from '../linux/cgroup-values.ts';
import { CGROUP1 } from '../linux/cgroup1.ts';
import { CGROUP2 } from '../linux/cgroup2.ts';
import { ERRNO, errnoName } from '../linux/errno.ts';
import { stepErrno } from '../linux/helper-worker.ts';
import { step } from '../model/wire.ts';
import { isLowering, type KnobChange } from '../plan/knob-changes.ts';
import type { EngineHost } from './host.ts';
import { updateErrors } from './update-errors.ts';

/** Where one change stands among others. */
export interface KnobContext {
  readonly uid: string;
  /** What memory.high of the same group holds while this is written. */
  readonly memoryHigh: string | undefined;
}

/**
 * Gives one knob of a live container its new value, or none.
 *
 * @throws {EngineError} `update.memoryInUse`, `update.refused` (failed-precondition): the knob is as it was;
 *   any other error: it may hold either value
 */
export async function writeKnob(host: EngineHost, change: KnobChange, context: KnobContext): Promise<void> {
  const value = change.to ?? (await unset(host, change));
  try {
    if (change.file === CGROUP2.memoryMax && isLowering(change)) await lowerMemory(host, change, { ...context, value });
    else await write(host, change, value);
  } catch (error) {
    throw (await refusal(host, { change, value, uid: context.uid }, error)) ?? error;
  }
}

async function unset(host: EngineHost, { version, file, entry, group }: KnobChange): Promise<string> {
  const known = unsetValue(version, file, entry);
  if (known !== undefined) return known;
  // In v2 the group above may have none of its own, but what it may use is there.
  const above = version === 2 && file.startsWith('cpuset.') ? `${file}.effective` : file;
  return (await host.effects.files.readText(`${dirname(group)}/${above}`)).trim();
}

async function write(host: EngineHost, { by, group, file }: KnobChange, value: string): Promise<void> {
  await host.runHostSteps([step(by, 'write-kernel-file', { path: `${group}/${file}`, value })]);
}

/**
 * v2 takes a memory.max below what is in use, and then kills until it fits. Writing memory.high reclaims without
 * killing and slows down whoever allocates meanwhile (admin-guide/cgroup-v2.rst); only what fits then is made the limit.
 */
async function lowerMemory(
  host: EngineHost,
  change: KnobChange,
  { uid, memoryHigh, value }: KnobContext & { readonly value: string },
): Promise<void> {
  const high = { ...change, file: CGROUP2.memoryHigh };
  await write(host, high, value);
  try {
    const usedBytes = await boundOf(host, change.group, CGROUP2.memoryCurrent);
    const limitBytes = parseBound(value) ?? 0;
    if (usedBytes > limitBytes) throw updateErrors.memoryInUse({ uid, limitBytes, usedBytes, what: 'memory' });
    await write(host, change, value);
  } finally {
    await write(host, high, memoryHigh ?? 'max');
  }
}

/** v1 refuses to lower what it could not reclaim (mm/memcontrol-v1.c, mem_cgroup_resize_max). */
const IN_USE: Readonly<Record<string, { readonly file: string; readonly what: string }>> = {
  [CGROUP1.memoryLimit]: { file: CGROUP1.memoryUsage, what: 'memory' },
  [CGROUP1.memorySwapLimit]: { file: CGROUP1.memorySwapUsage, what: 'memory and swap' },
};

async function refusal(
  host: EngineHost,
  { change, value, uid }: { readonly change: KnobChange; readonly value: string; readonly uid: string },
  error: unknown,
): Promise<Error | undefined> {
  const errno = stepErrno(error);
  if (errno === undefined) return undefined;
  const used = IN_USE[change.file];
  if (errno === ERRNO.EBUSY && used !== undefined) {
    const usedBytes = await boundOf(host, change.group, used.file);
    return updateErrors.memoryInUse({ uid, limitBytes: parseBound(value) ?? 0, usedBytes, what: used.what }, error);
  }
  return updateErrors.refused({ uid, by: change.by, file: change.file, value, errno: errnoName(errno) }, error);
}

async function boundOf(host: EngineHost, group: string, file: string): Promise<number> {
  return parseBound(await host.effects.files.readText(`${group}/${file}`)) ?? 0;
}
