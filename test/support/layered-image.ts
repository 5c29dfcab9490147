import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { makeBusyboxRootfs } from '../bench/busybox-image.ts';
import { type TarEntry, TYPE, tarArchive } from './tar-writer.ts';

/** What the second layer of `layeredImage` takes from the first and adds to it. */
const SECOND: readonly TarEntry[] = [
  { name: 'data/', type: TYPE.directory, mode: 0o751, uid: 1000, gid: 1001 },
  { name: 'data/.wh.gone' },
  { name: 'data/changed', data: 'second', mode: 0o640, uid: 1000, gid: 1001, mtime: 1_000_000_000 },
  { name: 'data/one', data: 'linked', uid: 70_000 },
  { name: 'data/two', type: TYPE.hardLink, link: 'data/one', uid: 70_000 },
  { name: 'opaque/', type: TYPE.directory },
  { name: 'opaque/.wh..wh..opq' },
  { name: 'opaque/shown', data: 'second' },
];

const FIRST: readonly TarEntry[] = [
  { name: 'data/', type: TYPE.directory, mode: 0o700 },
  { name: 'data/gone', data: 'first' },
  { name: 'data/changed', data: 'first' },
  { name: 'opaque/', type: TYPE.directory },
  { name: 'opaque/hidden', data: 'first' },
];

/** Tells, in a container of `layeredImage`, what its tree is; the same by every backend. */
export const TREE_SCRIPT =
  'cd /; ls -ln data opaque | grep -v total; cat data/changed opaque/shown data/two; set -- $(ls -i data/one) $(ls -i data/two); test "$1" = "$3" && echo " one file"';

/**
 * A busybox image with a layer that changes what is below, and small ones on top, as many as are asked for in all; the topmost holds
 * what is said.
 *
 * @param directory where it is made; what an attempt before left there of this name is replaced
 * @returns its reference
 */
export function layeredImage(
  directory: string,
  { name, layers, top }: { readonly name: string; readonly layers: number; readonly top?: readonly TarEntry[] },
): string {
  const work = join(directory, name);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const rootfs = makeBusyboxRootfs(join(work, 'rootfs'));
  const tar = join(work, 'base.tar');
  // The same bytes for every image that is made so, so that they share their lower layers.
  const same = ['--pax-option=delete=atime,delete=ctime', '--mtime=@1000000000', '--sort=name'];
  const owner = ['--numeric-owner', '--owner=0', '--group=0'];
  execFileSync('tar', ['--format=pax', ...same, ...owner, '-C', rootfs, '-cf', tar, '.']);
  const extra = Array.from({ length: Math.max(0, layers - 3) }, (_, index) =>
    tarArchive([
      { name: `layer-${index}`, data: `${index}` },
      { name: 'topmost', data: `${index}` },
    ]),
  );
  const all = [readFileSync(tar), tarArchive(FIRST), tarArchive(SECOND), ...extra].slice(0, layers);
  if (top !== undefined) all.splice(-1, 1, tarArchive(top));
  const image = buildImage(all, { compress: false, config: { Cmd: ['sh'], Env: ['PATH=/bin'] } });
  const layout = join(work, 'layout');
  for (const [path, bytes] of layoutOf(buildIndex([{ image, name: 'latest' }]), [image])) {
    mkdirSync(dirname(join(layout, path)), { recursive: true });
    writeFileSync(join(layout, path), bytes);
  }
  return `oci:${layout}:latest`;
}
