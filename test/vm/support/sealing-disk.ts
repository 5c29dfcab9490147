/** A file system that seals files by fs-verity, in a file of this guest, whose blocks can be changed beneath it. */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';

/** There where the kernel has fs-verity (CONFIG_FS_VERITY) and ext4 is loaded. */
const FEATURE = '/sys/fs/ext4/features/verity';
const BLOCK_BYTES = 4096;
/** FS_IOC_MEASURE_VERITY of linux/fsverity.h, on a struct fsverity_digest that has room for 32 bytes. */
const MEASURE = [
  'import fcntl, os, struct, sys',
  'answer = bytearray(struct.pack("HH", 0, 32) + bytes(32))',
  'fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0xc0046686, answer)',
  'print(answer[4:].hex())',
].join('\n');

/** What is missing for such a file system. */
export function lacksSealing(): readonly string[] {
  const programs = ['mkfs.erofs', 'mke2fs', 'debugfs', 'python3'];
  const missing = programs.filter(
    (name) => !['/usr/bin', '/usr/sbin', '/sbin'].some((at) => existsSync(`${at}/${name}`)),
  );
  return [...(existsSync(FEATURE) ? [] : ['fs-verity']), ...missing];
}

export class SealingDisk {
  readonly #file: string;
  readonly mountPoint: string;

  /** @param file where its blocks are; it must not be there yet @param mountPoint is made */
  constructor(file: string, mountPoint: string) {
    this.#file = file;
    this.mountPoint = mountPoint;
    execFileSync('truncate', ['-s', '256M', file]);
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', String(BLOCK_BYTES), '-O', 'verity,^has_journal', file]);
    mkdirSync(mountPoint);
    execFileSync('mount', ['-o', 'loop', file, mountPoint]);
  }

  /** `sha256:…` as the kernel measures it. @throws for a file that nothing seals */
  measure(path: string): string {
    return `sha256:${execFileSync('python3', ['-c', MEASURE, path], { encoding: 'utf8' }).trim()}`;
  }

  /** Inverts a byte of a file on the disk, behind the back of the file system, and lets the kernel forget what it has read. */
  damage(path: string, offset: number): void {
    execFileSync('sync');
    const inside = path.slice(this.mountPoint.length);
    const words = ['-R', `bmap ${inside} ${Math.floor(offset / BLOCK_BYTES)}`, this.#file];
    const block = Number(execFileSync('debugfs', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    if (!(block > 0)) throw new Error(`${path} has no block at ${offset}`);
    const at = block * BLOCK_BYTES + (offset % BLOCK_BYTES);
    const disk = openSync(this.#file, 'r+');
    const byte = Buffer.alloc(1);
    readSync(disk, byte, 0, 1, at);
    writeSync(disk, Buffer.from([~(byte[0] ?? 0) & 0xff]), 0, 1, at);
    fsyncSync(disk);
    closeSync(disk);
    writeFileSync('/proc/sys/vm/drop_caches', '3');
  }

  remove(): void {
    execFileSync('umount', [this.mountPoint]);
  }
}
