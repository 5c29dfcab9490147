/**
 * Bundles the command line and the agent for Node: one file each, so that a command starts without looking for modules.
 * `.build/isopod.cjs` is only a loader: it switches Node's compile cache on before the bundle itself is compiled.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, '.build');
const LOADER = `'use strict';
require('node:module').enableCompileCache(require('node:path').join(__dirname, 'compile-cache'));
require('./cli.cjs');
`;

/**
 * commander loads node:child_process for commands that are programs of their own. We have none, and loading it costs
 * every command some milliseconds: it is loaded when it is asked for. Of the others it wants the module itself, for which
 * esbuild would make a copy that asks for every property, and some of them are computed when they are asked for.
 */
const LEAN_COMMANDER: Plugin = {
  name: 'lean-commander',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:(child_process|fs|path|process)$/ }, ({ importer, path }) =>
      /[/\\]commander[/\\]/.test(importer) ? { path, namespace: 'lean' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lean' }, ({ path }) => ({
      contents:
        path === 'node:child_process'
          ? `export default { get spawn() { return module.require('${path}').spawn; } };`
          : `export default module.require('${path}');`,
    }));
  },
};

/** Where libraries stand that few agents need: each a bundle of its own, loaded when it is first asked for. */
const LIBRARIES = 'src/image/trust/libraries';

const LATE_LIBRARIES: Plugin = {
  name: 'late-libraries',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/libraries\/[a-z]+\.ts$/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path: `./${basename(path, '.ts')}.cjs`, external: true } : undefined,
    );
  },
};

mkdirSync(OUT, { recursive: true });
rmSync(join(OUT, 'compile-cache'), { recursive: true, force: true });
await bundle('src/main/cli.ts', 'cli.cjs');
await bundle('src/main/serve-agent.ts', 'agent.cjs');
for (const file of readdirSync(join(ROOT, LIBRARIES))) {
  await bundle(`${LIBRARIES}/${file}`, `${basename(file, '.ts')}.cjs`);
}
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
    plugins: [LEAN_COMMANDER, LATE_LIBRARIES],
    // A library that is a module asks for its own address, which a bundle of this format has under another name.
    define: { 'import.meta.dirname': '__dirname', 'import.meta.url': 'bundleUrl' },
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
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
