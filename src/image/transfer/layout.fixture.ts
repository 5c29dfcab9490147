import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BuiltImage, buildIndex, layoutOf } from '../built-image.fixture.ts';

/** Writes a layout with one image, as a directory. */
export function writeLayout(directory: string, name: string, image: BuiltImage): void {
  for (const [path, content] of layoutOf(buildIndex([{ image, name }]), [image])) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
}
