import { expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import type { Worker } from '../linux/helper-worker.ts';
import type { KernelFile } from '../linux/kernel-files.ts';
import { KernelFileReader } from './kernel-file-reader.ts';

/** A helper that tells of each file where it is, and answers with so many paths at once. */
function readerOf(most: number) {
  const asked: (readonly string[])[] = [];
  const readFiles: Worker['readFiles'] = async (paths) => {
    asked.push(paths);
    let directory = '';
    return paths.slice(0, most).map((path) => {
      if (path.startsWith('/')) directory = path;
      return path.startsWith('/') ? '' : `${directory}/${path}`;
    });
  };
  const use = <Value>(_what: string, job: (worker: Worker) => Promise<Value>) => job({ readFiles } as Worker);
  return { asked, reader: new KernelFileReader({ files: memoryFiles({ '/cg/cpu/1/a': 'here' }), steps: { use } }) };
}

const MANY: readonly KernelFile[] = Array.from({ length: 40 }, (_, index) => ({
  directory: index % 2 === 0 ? '/cg/cpu' : '/cg/memory',
  name: `${index}/usage`,
}));

test('many files are asked for in one list, each directory once, and told in the order of the asking', async () => {
  const { asked, reader } = readerOf(1000);
  expect(await reader.read(MANY)).toEqual(MANY.map(({ directory, name }) => `${directory}/${name}`));
  expect(asked.length).toBe(1);
  expect(asked[0]?.filter((path) => path.startsWith('/'))).toEqual(['/cg/cpu', '/cg/memory']);
});

test('what did not fit into the answer is asked for again, below its directory', async () => {
  const { asked, reader } = readerOf(7);
  expect(await reader.read(MANY)).toEqual(MANY.map(({ directory, name }) => `${directory}/${name}`));
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.every(([first]) => first?.startsWith('/'))).toBe(true);
});

test('a few files cost nobody a worker; one that is not there is empty', async () => {
  const { asked, reader } = readerOf(7);
  const wanted = ['1/a', '2/a'].map((name) => ({ directory: '/cg/cpu', name }));
  expect(await reader.read(wanted)).toEqual(['here', '']);
  expect(asked).toEqual([]);
});
