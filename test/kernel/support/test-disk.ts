import { existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Numbers of the whole disk that the directory for temporary files is on, `8:0`; `undefined` when it is on none. */
export function testDisk(): string | undefined {
  const { dev } = statSync(tmpdir());
  const numbers = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  const system = `/sys/dev/block/${numbers}`;
  return existsSync(system) && !existsSync(`${system}/partition`) ? numbers : undefined;
}
