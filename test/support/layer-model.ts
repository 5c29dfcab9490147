import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { type TarEntry, TYPE, tarArchive } from './tar-writer.ts';

/** Random stacks of layers, and what becomes of them by the words of the image specification alone. */

export type Change =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly content: string;
      readonly mode: number;
      readonly uid: number;
    }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number; readonly uid: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  /** To the file that is the layer's first. */
  | { readonly kind: 'link'; readonly path: string }
  | { readonly kind: 'whiteout'; readonly path: string }
  | { readonly kind: 'opaque'; readonly path: string };

/** A layer's changes, each path once, in the order of the archive. */
export type LayerChanges = readonly Change[];

interface Node {
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly uid: number;
  readonly content: string;
  /** `undefined`: when it was unpacked. */
  readonly mtime: number | undefined;
  /** Equal for names of one file. */
  readonly inode: number;
}

const ROOT_MTIME = 1_000_000_000;
const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const mode = fc.constantFrom(0o644, 0o600, 0o755, 0o4711, 0o1777);
const uid = fc.constantFrom(0, 7, 100_000);

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('file' as const), path, content: fc.string({ maxLength: 5 }), mode, uid }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('directory' as const), path, mode, uid }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('symlink' as const),
      path,
      target: fc.constantFrom('a', '../b', '/c', 'x'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('link' as const), path }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('whiteout' as const), path }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('opaque' as const), path }) },
);

/** Some layers name the directories that their entries lie in, others do not; the lowest alone names its root. */
const layer = fc
  .tuple(fc.array(change, { maxLength: 8 }), fc.boolean())
  .map(([changes, namesAll]) => consistent(changes, namesAll));

export const layerStacks: fc.Arbitrary<readonly LayerChanges[]> = fc.array(layer, { minLength: 1, maxLength: 5 });

/** Keeps of a path what was said last, and nothing else of what something lies in; `namesAll`: all of those are named. */
function consistent(changes: readonly Change[], namesAll: boolean): LayerChanges {
  const places = new Map<string, Change>();
  for (const one of changes) places.set(one.kind === 'opaque' ? `${one.path}/?` : one.path, one);
  const kept = [...places.values()];
  const parents = new Set(kept.flatMap(directoriesOf));
  const made = new Set(kept.flatMap((one) => (one.kind === 'directory' ? [one.path] : [])));
  const files = kept.filter(({ kind, path: at }) => kind === 'file' && !parents.has(at));
  const missing = namesAll ? [...parents].filter((at) => !made.has(at)).sort() : [];
  const others = kept.filter((one) => {
    if (one.kind === 'whiteout' || one.kind === 'opaque' || one.kind === 'directory') return true;
    return !parents.has(one.path) && (one.kind !== 'link' || files.length > 0);
  });
  const directories = [
    ...missing.map((at): Change => ({ kind: 'directory', path: at, mode: 0o755, uid: 0 })),
    ...others.filter(({ kind }) => kind === 'directory'),
  ];
  return [
    ...directories.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    ...others.filter(({ kind }) => kind === 'file'),
    ...others.filter(({ kind }) => kind !== 'directory' && kind !== 'file'),
  ];
}

/** The directories that a change lies in, the uppermost first. */
function directoriesOf({ kind, path: of }: Change): readonly string[] {
  const names = [...of.split('/'), ...(kind === 'opaque' ? ['?'] : [])];
  return names.slice(1).map((_, at) => names.slice(0, at + 1).join('/'));
}

function firstFile(changes: LayerChanges): string | undefined {
  return changes.find(({ kind }) => kind === 'file')?.path;
}

const mtimeOf = (layer: number, at: number): number => 1_100_000_000 + layer * 1000 + at;

export function archiveOf(changes: LayerChanges, layer: number): Buffer {
  const entries = changes.map((one, at) =>
    entryOf(one, { mtime: mtimeOf(layer, at), target: firstFile(changes) ?? '' }),
  );
  const root: TarEntry = { name: './', type: TYPE.directory, mode: 0o755, mtime: ROOT_MTIME };
  return tarArchive(layer === 0 ? [root, ...entries] : entries);
}

function entryOf(one: Change, { mtime, target }: { readonly mtime: number; readonly target: string }): TarEntry {
  const [parent, last] = [
    one.path.slice(0, one.path.lastIndexOf('/') + 1),
    one.path.slice(one.path.lastIndexOf('/') + 1),
  ];
  switch (one.kind) {
    case 'file':
      return { name: one.path, data: one.content, mode: one.mode, uid: one.uid, mtime };
    case 'directory':
      return { name: `${one.path}/`, type: TYPE.directory, mode: one.mode, uid: one.uid, mtime };
    case 'symlink':
      return { name: one.path, type: TYPE.symlink, link: one.target, mode: 0o777, mtime };
    case 'link':
      return { name: one.path, type: TYPE.hardLink, link: target, mtime };
    case 'whiteout':
      return { name: `${parent}.wh.${last}`, mtime };
    case 'opaque':
      return { name: `${one.path}/.wh..wh..opq`, mtime };
  }
}

/**
 * What the layers come to: first all that a layer hides of those below it, then what it has itself. Where it has something in a
 * directory and says nothing of it, that stays as it was.
 */
export function modelOf(stack: readonly LayerChanges[]): ReadonlyMap<string, Node> {
  const tree = new Map<string, Node>();
  let inodes = 0;
  for (const [layer, changes] of stack.entries()) {
    for (const one of changes) {
      if (one.kind === 'whiteout') removeTree(tree, one.path);
      if (one.kind === 'opaque') removeBelow(tree, one.path);
    }
    for (const at of changes.flatMap(directoriesOf)) {
      if (tree.get(at)?.kind === 'directory') continue;
      removeTree(tree, at);
      tree.set(at, { kind: 'directory', mode: 0o755, uid: 0, content: '', mtime: undefined, inode: ++inodes });
    }
    for (const [at, one] of changes.entries()) {
      if (one.kind === 'whiteout' || one.kind === 'opaque') continue;
      if (one.kind !== 'directory' || tree.get(one.path)?.kind !== 'directory') removeTree(tree, one.path);
      const linked = one.kind === 'link' ? tree.get(firstFile(changes) ?? '') : undefined;
      tree.set(one.path, linked ?? nodeOf(one, { mtime: mtimeOf(layer, at), inode: ++inodes }));
    }
  }
  return tree;
}

function nodeOf(one: Change, { mtime, inode }: { readonly mtime: number; readonly inode: number }): Node {
  const common = { mtime, inode, uid: 0, mode: 0o777, content: '' };
  if (one.kind === 'symlink') return { ...common, kind: 'symlink', content: one.target };
  if (one.kind === 'file') return { ...common, kind: 'file', mode: one.mode, uid: one.uid, content: one.content };
  if (one.kind === 'directory') return { ...common, kind: 'directory', mode: one.mode, uid: one.uid };
  throw new Error(`a ${one.kind} makes nothing`);
}

function removeBelow(tree: Map<string, Node>, at: string): void {
  for (const other of [...tree.keys()]) if (other.startsWith(`${at}/`)) tree.delete(other);
}

function removeTree(tree: Map<string, Node>, at: string): void {
  removeBelow(tree, at);
  tree.delete(at);
}

const TYPE_BITS = { file: 0o100_000, directory: 0o040_000, symlink: 0o120_000 } as const;

const NOW = 'now';

/** A tree as told, without the times that the model cannot know. */
export function withoutTimesOf(
  model: Readonly<Record<string, string>>,
  tree: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const isNow = (at: string): boolean => model[at]?.split(' ')[2] === NOW;
  return Object.fromEntries(
    Object.entries(tree).map(([at, line]) => [at, isNow(at) ? line.replace(/^(\S+ \S+) \d+/, `$1 ${NOW}`) : line]),
  );
}

/** A model as `describeTree` would tell it. */
export function describeModel(tree: ReadonlyMap<string, Node>): Readonly<Record<string, string>> {
  const first = new Map<number, string>();
  const lines: Record<string, string> = { '.': `${(0o040_755).toString(8)} 0:0 ${ROOT_MTIME}000000000 {}` };
  // Paths by their components: what is below a directory comes before the name behind it.
  const paths = [...tree.keys()].map((at) => at.split('/')).sort(byComponents);
  for (const names of paths) {
    const at = names.join('/');
    const { kind, mode: bits, uid: owner, content, mtime, inode } = tree.get(at) as Node;
    const time = mtime === undefined ? NOW : `${mtime}000000000`;
    const common = `${(TYPE_BITS[kind] | bits).toString(8)} ${owner}:0 ${time}`;
    if (kind === 'directory') lines[at] = `${common} {}`;
    if (kind === 'symlink') lines[at] = `${common} -> ${content} {}`;
    if (kind !== 'file') continue;
    const bytes = Buffer.from(content);
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    if (!first.has(inode)) first.set(inode, at);
    lines[at] = `${common} ${bytes.length} ${digest} first=${first.get(inode)} {}`;
  }
  return lines;
}

function byComponents(a: readonly string[], b: readonly string[]): number {
  for (const [at, one] of a.entries()) {
    const other = b[at];
    if (other === undefined) return 1;
    if (one !== other) return one < other ? -1 : 1;
  }
  return a.length - b.length;
}
