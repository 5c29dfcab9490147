/**
 * Refuses upward and sideways imports, import cycles, effects outside the port and packages outside their layer.
 * The compiler's project references refuse the first two as well; cycles inside a layer only this finds.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { LAYERS, PURE_BUILTINS, TEST_BUILTINS, TEST_LAYERS, TEST_PACKAGES } from './layers.ts';
import { sourceFiles } from './source-files.ts';

const ROOT = join(import.meta.dirname, '..');
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** The longest layer name that is a folder of this path below src/. */
export function layerOf(path: string): string | undefined {
  const parts = path.split('/').slice(1, -1);
  for (let length = parts.length; length > 0; length -= 1) {
    const name = parts.slice(0, length).join('/');
    if (name in LAYERS) return name;
  }
  return undefined;
}

export function importsOf(source: string): readonly string[] {
  return [...source.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '');
}

/** @returns one complaint per forbidden import of this file */
export function complaintsAbout(path: string, source: string): readonly string[] {
  const layer = layerOf(path);
  if (layer === undefined) return [`${path}: no layer of tools/layers.ts holds this folder`];
  const isTest = /\.(test|contract|fixture)\.ts$/.test(path);
  return importsOf(source).flatMap((specifier) => {
    const complaint = specifier.startsWith('.')
      ? complaintAboutFile(path, { layer, isTest }, specifier)
      : complaintAboutModule(layer, isTest, specifier);
    return complaint === undefined ? [] : [`${path}: ${complaint}`];
  });
}

function complaintAboutFile(
  path: string,
  { layer, isTest }: { readonly layer: string; readonly isTest: boolean },
  specifier: string,
): string | undefined {
  const target = join(dirname(path), specifier);
  if (!target.startsWith('src/')) return `imports ${target}, outside src/`;
  const targetLayer = layerOf(target);
  const allowed = [layer, ...(LAYERS[layer]?.layers ?? []), ...(isTest ? TEST_LAYERS : [])];
  if (targetLayer !== undefined && allowed.includes(targetLayer)) return undefined;
  return `layer ${layer} may not import ${target} of layer ${targetLayer ?? 'none'}`;
}

function complaintAboutModule(layer: string, isTest: boolean, specifier: string): string | undefined {
  const rule = LAYERS[layer];
  const allowed = specifier.startsWith('node:')
    ? [...PURE_BUILTINS, ...(rule?.builtins ?? []), ...(isTest ? TEST_BUILTINS : [])]
    : [...(rule?.packages ?? []), ...(isTest ? TEST_PACKAGES : [])];
  return allowed.includes(specifier) ? undefined : `layer ${layer} may not import ${specifier}`;
}

/** @returns each cycle once, as its files in order */
export function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const done = new Set<string>();
  const cycles: string[][] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) {
      cycles.push([...trail.slice(start), file]);
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}

function main(): void {
  const complaints: string[] = [];
  const graph = new Map<string, readonly string[]>();
  for (const file of sourceFiles(join(ROOT, 'src'), ['.ts'])) {
    const path = relative(ROOT, file);
    const source = readFileSync(file, 'utf8');
    complaints.push(...complaintsAbout(path, source));
    const targets = importsOf(source).filter((specifier) => specifier.startsWith('.'));
    graph.set(
      path,
      targets.map((specifier) => join(dirname(path), specifier)),
    );
  }
  for (const cycle of cyclesIn(graph)) complaints.push(`import cycle: ${cycle.join(' → ')}`);
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  if (complaints.length > 0) process.exitCode = 1;
}

if (import.meta.main) main();
