import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BuiltImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';

/** Writes an image as a layout, `latest`, to a new directory. @returns its path */
export function writtenLayout(directory: string, image: BuiltImage): string {
  const layout = join(directory, `layout-${randomBytes(6).toString('hex')}`);
  for (const [path, bytes] of layoutOf(buildIndex([{ image, name: 'latest' }]), [image])) {
    mkdirSync(dirname(join(layout, path)), { recursive: true });
    writeFileSync(join(layout, path), bytes);
  }
  return layout;
}
