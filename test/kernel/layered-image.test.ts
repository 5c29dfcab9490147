import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { layeredImage } from '../support/layered-image.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-layered-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('a second attempt makes an image anew, whatever the first one left', () => {
  const made = () => layeredImage(directory, { name: 'app', layers: 3 });
  const first = made();
  writeFileSync(join(directory, 'app/begun'), '');
  expect(made()).toBe(first);
  expect(existsSync(join(directory, 'app/begun'))).toBe(false);
});
