/**
 * Bundles the command line and the agent for Node: one file each, so that a command starts without looking for modules.
 * `.build/isopod.cjs` is only a loader: it switches Node's compile cache on before the bundle itself is compiled.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, '.build');
const LOADER = `'use strict';
require('node:module').enableCompileCache(require('node:path').join(__dirname, 'compile-cache'));
require('./cli.cjs');
`;

/**
 * commander loads node:child_process for commands that are programs of their own. We have none, and loading it costs
 * every command some milliseconds: it is loaded when it is asked for.
 */
const LAZY_CHILD_PROCESS: Plugin = {
  name: 'lazy-child-process',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[/\\]commander[/\\]/.test(importer) ? { path: 'child_process', namespace: 'lazy' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
      contents: `module.exports = { get spawn() { return module.require('node:child_process').spawn; } };`,
    }));
  },
};

mkdirSync(OUT, { recursive: true });
rmSync(join(OUT, 'compile-cache'), { recursive: true, force: true });
await bundle('src/main/cli.ts', 'cli.cjs');
await bundle('src/main/serve-agent.ts', 'agent.cjs');
replace('isopod.cjs', LOADER);

/** Written beside and renamed, so that a command that starts meanwhile finds the old bundle or the new. */
async function bundle(entry: string, output: string): Promise<void> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    plugins: [LAZY_CHILD_PROCESS],
    define: { 'import.meta.dirname': '__dirname' },
    write: false,
    logLevel: 'warning',
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error(`esbuild made nothing of ${entry}`);
  replace(output, file.contents);
}

function replace(name: string, content: string | Uint8Array): void {
  const temporary = join(OUT, `${name}.${process.pid}`);
  writeFileSync(temporary, content);
  renameSync(temporary, join(OUT, name));
}
