import { expect, test } from 'vitest';
import { complaintsAbout, cyclesIn, importsOf } from './check-layers.ts';

test('an upward import is refused', () => {
  expect(complaintsAbout('src/model/a.ts', "import { x } from '../engine/engine.ts';")).toHaveLength(1);
});

test('a sideways import is refused', () => {
  expect(complaintsAbout('src/plan/a.ts', "import type { X } from '../isolators/isolator.ts';")).toHaveLength(1);
});

test('a downward import is fine', () => {
  expect(complaintsAbout('src/engine/a.ts', "import { x } from '../model/x.ts';")).toEqual([]);
});

test('node:fs outside the effects port is refused, inside it is fine', () => {
  expect(complaintsAbout('src/engine/a.ts', "import { readFile } from 'node:fs/promises';")).toHaveLength(1);
  expect(complaintsAbout('src/base/effects/a.ts', "import { readFile } from 'node:fs/promises';")).toEqual([]);
});

test('a package outside its layer is refused', () => {
  expect(complaintsAbout('src/engine/a.ts', "import { z } from 'zod';")).toHaveLength(1);
  expect(complaintsAbout('src/faces/agent/a.ts', "import { z } from 'zod';")).toEqual([]);
});

test('a dynamic import counts', () => {
  expect(importsOf("const x = await import('./heavy.ts');")).toEqual(['./heavy.ts']);
});

test('an import over several lines counts', () => {
  expect(importsOf("import {\n  a,\n  b,\n} from './x.ts';\nexport { c } from './y.ts';")).toEqual([
    './x.ts',
    './y.ts',
  ]);
});

test('a cycle is found and named', () => {
  const graph = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['a']],
  ]);
  expect(cyclesIn(graph)).toEqual([['a', 'b', 'c', 'a']]);
});
