import { dirname } from 'node:path';
import type { SeededRandom } from './scheduler.ts';

/** A file, or a directory when `content` is missing. */
interface Node {
  content?: string;
  /** What a power cut leaves of the content; missing when the file was never synced. */
  durable?: string;
  readonly mode: number;
}

type EntryChange = { readonly path: string; readonly node: Node | undefined };

/** An error as the kernel gives it through Node. */
export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/**
 * A disk that forgets at a power cut what was not synced.
 *
 * Entries of one directory become durable in the order in which they were changed (a journal has that), but nothing
 * is promised between directories, and data of a file that was not synced may be missing.
 */
export class FakeDisk {
  #nodes = new Map<string, Node>([['/', { mode: 0o755 }]]);
  #durable = new Map<string, Node>([['/', { mode: 0o755 }]]);
  readonly #unsynced = new Map<string, EntryChange[]>();

  get(path: string): Node | undefined {
    return this.#nodes.get(path);
  }

  isDirectory(path: string): boolean {
    const node = this.#nodes.get(path);
    return node !== undefined && node.content === undefined;
  }

  children(path: string): readonly string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    return [...this.#nodes.keys()]
      .filter((other) => other !== '/' && other.startsWith(prefix) && !other.slice(prefix.length).includes('/'))
      .map((other) => other.slice(prefix.length));
  }

  /** Everything below a path, for leak checks. */
  below(path: string): readonly string[] {
    return [...this.#nodes.keys()].filter((other) => other.startsWith(`${path}/`)).sort();
  }

  makeDirectory(path: string, mode = 0o755): void {
    this.#requireParent(path);
    if (this.#nodes.has(path)) throw systemError('EEXIST', path);
    this.#change(path, { mode });
  }

  makeDirectories(path: string, mode = 0o755): void {
    if (this.isDirectory(path)) return;
    if (path !== '/') this.makeDirectories(dirname(path), mode);
    this.makeDirectory(path, mode);
  }

  write(path: string, content: string, mode = 0o600): void {
    this.#requireParent(path);
    this.#change(path, { content, mode });
  }

  read(path: string): string {
    const node = this.#nodes.get(path);
    if (node === undefined) throw systemError('ENOENT', path);
    if (node.content === undefined) throw systemError('EISDIR', path);
    return node.content;
  }

  rename(from: string, to: string): void {
    const node = this.#nodes.get(from);
    if (node === undefined) throw systemError('ENOENT', from);
    this.#requireParent(to);
    if (node.content !== undefined && this.isDirectory(to)) throw systemError('EISDIR', to);
    if (node.content === undefined && this.#nodes.has(to)) throw systemError('EEXIST', to);
    this.#change(to, node);
    for (const path of this.below(from)) {
      this.#change(`${to}${path.slice(from.length)}`, this.#nodes.get(path));
      this.#change(path, undefined);
    }
    this.#change(from, undefined);
  }

  removeFile(path: string): void {
    if (!this.#nodes.has(path)) throw systemError('ENOENT', path);
    if (this.isDirectory(path)) throw systemError('EISDIR', path);
    this.#change(path, undefined);
  }

  removeDirectory(path: string): void {
    if (!this.#nodes.has(path)) throw systemError('ENOENT', path);
    if (!this.isDirectory(path)) throw systemError('ENOTDIR', path);
    if (this.children(path).length > 0) throw systemError('ENOTEMPTY', path);
    this.#change(path, undefined);
  }

  syncFile(path: string): void {
    const node = this.#nodes.get(path);
    if (node?.content !== undefined) node.durable = node.content;
  }

  syncDirectory(path: string): void {
    if (!this.isDirectory(path)) throw systemError('ENOENT', path);
    for (const change of this.#unsynced.get(path) ?? []) apply(this.#durable, change);
    this.#unsynced.delete(path);
  }

  /** @param volatilePath a file system in memory, which is gone afterwards */
  powerCut(random: SeededRandom, volatilePath: string): void {
    for (const [directory, changes] of this.#unsynced) {
      const survive = random.below(changes.length + 1);
      if (this.#durable.has(directory) || directory === '/') {
        for (const change of changes.slice(0, survive)) apply(this.#durable, change);
      }
    }
    this.#unsynced.clear();
    const survivors = new Map<string, Node>();
    for (const [path, node] of [...this.#durable].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const isOrphan = path !== '/' && !survivors.has(dirname(path));
      if (isOrphan || path.startsWith(`${volatilePath}/`)) continue;
      survivors.set(path, afterPowerCut(node, random));
    }
    this.#nodes = survivors;
    this.#durable = new Map(survivors);
  }

  #requireParent(path: string): void {
    if (!this.isDirectory(dirname(path))) throw systemError('ENOENT', path);
  }

  #change(path: string, node: Node | undefined): void {
    const change = { path, node };
    apply(this.#nodes, change);
    const directory = dirname(path);
    const changes = this.#unsynced.get(directory);
    if (changes === undefined) this.#unsynced.set(directory, [change]);
    else changes.push(change);
  }
}

function apply(nodes: Map<string, Node>, { path, node }: EntryChange): void {
  if (node === undefined) nodes.delete(path);
  else nodes.set(path, node);
}

/** Data that was not synced is there, is not, or is there in part. */
function afterPowerCut(node: Node, random: SeededRandom): Node {
  if (node.content === undefined) return { mode: node.mode };
  if (node.durable !== undefined) return { content: node.durable, durable: node.durable, mode: node.mode };
  const kept = random.pick(['', node.content, node.content.slice(0, node.content.length >> 1)]);
  return { content: kept, durable: kept, mode: node.mode };
}
