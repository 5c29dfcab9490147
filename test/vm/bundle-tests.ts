import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const HERE = import.meta.dirname;
const API = join(HERE, 'runner', 'vitest-api.ts');

/** Tests get the guest's runner for `vitest`; the runner itself gets the real one, for its `expect`. */
const RUNNER_FOR_VITEST: Plugin = {
  name: 'runner-for-vitest',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^vitest$/ }, ({ importer }) => (importer === API ? undefined : { path: API }));
  },
};

/** Files find what lies beside them in the checkout, which has the same path in the guest, wherever the bundle lies. */
const DIRECTORIES_OF_SOURCES: Plugin = {
  name: 'directories-of-sources',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/(test|src)\/.*\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.url', JSON.stringify(`file://${path}`));
      return { contents, loader: 'ts' };
    });
  },
};

/**
 * Bundles the guest's runner and test files for Node, with everything they import, so that the guest neither transforms
 * nor looks for modules. `OUT/guest-main.js` is the runner; a file keeps its path below `OUT`, with `.js` at its end.
 *
 * @param files relative to `root`
 */
export async function bundleTests(root: string, files: readonly string[], out: string): Promise<void> {
  const entries = files.map((file) => ({ in: join(root, file), out: file.replace(/\.ts$/, '') }));
  await build({
    absWorkingDir: root,
    entryPoints: [{ in: join(HERE, 'runner', 'guest-main.ts'), out: 'guest-main' }, ...entries],
    outdir: out,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    sourcemap: 'inline',
    sourcesContent: false,
    plugins: [RUNNER_FOR_VITEST, DIRECTORIES_OF_SOURCES],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    logLevel: 'warning',
  });
}
