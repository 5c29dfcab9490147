import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';

/** AT_PAGESZ, getauxval(3). */
const PAGE_SIZE_KEY = 6n;

/** Bytes of a page of memory, from what the kernel told this very process (proc_pid_auxv(5): pairs of 64 bits). */
export async function readPageSize(files: Pick<Files, 'readBytes'>): Promise<number> {
  const bytes = await files.readBytes('/proc/self/auxv');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset + 16 <= view.byteLength; offset += 16) {
    if (view.getBigUint64(offset, true) === PAGE_SIZE_KEY) return Number(view.getBigUint64(offset + 8, true));
  }
  throw new Error('/proc/self/auxv tells no page size');
}

/**
 * Memory of a process, a page that n processes share as the nth part of a page (proc_pid_smaps(5)). The kernel walks its
 * page tables for that, so it is not for every day. 0 once it has ended.
 */
export async function readProportionalBytes(files: Pick<Files, 'readText'>, pid: number): Promise<number> {
  try {
    const text = await files.readText(`/proc/${pid}/smaps_rollup`);
    return Number(/^Pss: +(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(systemErrorCode(error) ?? '')) return 0;
    throw error;
  }
}
