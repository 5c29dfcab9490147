import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeBusyboxLayout } from '../bench/busybox-image.ts';

/** What the image has at /data; made by Python, for Node sets no extended attributes. */
const FILES = `
import os, sys
os.umask(0); os.chdir(sys.argv[1]); os.mkdir('data', 0o750); os.chown('data', 1000, 1001); os.chdir('data')
with open('file', 'w') as f: f.write('hello\\n')
os.setxattr('file', 'user.note', b'kept'); os.chmod('file', 0o640); os.chown('file', 1000, 1001)
os.symlink('file', 'link'); os.mkdir('deep', 0o700)
with open('deep/below', 'w') as f: f.write('x')
`;

/**
 * A busybox image with files at /data.
 *
 * @param directory where it is made; it must not hold another
 * @param options.volumes what its config declares as volumes, as it stands
 * @returns its reference
 */
export function volumeImage(directory: string, { volumes }: { readonly volumes: readonly string[] }): string {
  const work = join(directory, 'volume-image');
  mkdirSync(work, { recursive: true });
  const layout = makeBusyboxLayout(work);
  const umoci = (...words: readonly string[]) => execFileSync('umoci', words, { stdio: 'pipe' });
  const unpacked = join(work, 'unpacked');
  umoci('unpack', '--image', `${layout}:latest`, unpacked);
  execFileSync('python3', ['-c', FILES, join(unpacked, 'rootfs')]);
  umoci('repack', '--image', `${layout}:latest`, unpacked);
  if (volumes.length > 0)
    umoci('config', '--image', `${layout}:latest`, ...volumes.flatMap((path) => ['--config.volume', path]));
  return `oci:${layout}:latest`;
}
