import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Images } from '../../src/image/images.ts';
import { digestHex } from '../../src/model/digest.ts';
import type { Image } from '../../src/model/image-config.ts';
import { describeTree } from './tree.ts';

/** What a container sees of an image: its layers stacked by overlayfs, described, and unmounted again. */
export function stackedTree(root: string, images: Images, image: Image): Readonly<Record<string, string>> {
  const work = mkdtempSync(join(root, 'stacked-'));
  const [merged, empty] = [join(work, 'merged'), join(work, 'empty')] as const;
  mkdirSync(merged);
  mkdirSync(empty);
  const [lowest = image.id] = image.chainIds;
  const layers = join(images.layerDirectory(lowest), '..');
  // Names of their own, from where they lie: fifty paths from the root do not fit into a mount's one page of options.
  const lower = [...image.chainIds.map(digestHex).toReversed(), empty].join(':');
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=${lower}`, merged], { cwd: layers });
  try {
    return describeTree(merged);
  } finally {
    execFileSync('umount', [merged]);
    rmSync(work, { recursive: true });
  }
}
