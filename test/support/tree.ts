import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Reads the extended attributes of everything below a directory as `path → name → hex`. */
const XATTRS = `
import json, os, sys
root, found = sys.argv[1], {}
def note(path):
    names = os.listxattr(path, follow_symlinks=False)
    if names:
        found[os.path.relpath(path, root)] = {n: os.getxattr(path, n, follow_symlinks=False).hex() for n in sorted(names)}
note(root)
for at, dirs, files in os.walk(root):
    for name in dirs + files: note(os.path.join(at, name))
print(json.dumps(found))
`;

/** One line per thing in a tree, by path: whatever an archive can say about it. Hard links name their first path. */
export function describeTree(root: string): Readonly<Record<string, string>> {
  const xattrs = JSON.parse(execFileSync('python3', ['-c', XATTRS, root], { encoding: 'utf8' }));
  const firstPath = new Map<bigint, string>();
  const lines: Record<string, string> = {};
  const pending = ['.'];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    lines[path] = `${describeOne(root, path, firstPath)} ${JSON.stringify(xattrs[path] ?? {})}`;
    if (lstatSync(join(root, path)).isDirectory()) {
      const names = readdirSync(join(root, path)).sort();
      pending.push(...names.reverse().map((name) => join(path ?? '', name)));
    }
  }
  return lines;
}

function describeOne(root: string, path: string, firstPath: Map<bigint, string>): string {
  const full = join(root, path);
  const status = lstatSync(full, { bigint: true });
  const common = `${status.mode.toString(8)} ${status.uid}:${status.gid} ${status.mtimeNs}`;
  if (status.isSymbolicLink()) return `${common} -> ${readlinkSync(full)}`;
  if (status.isCharacterDevice() || status.isBlockDevice()) return `${common} device ${status.rdev}`;
  if (!status.isFile()) return common;
  const first = firstPath.get(status.ino) ?? path;
  firstPath.set(status.ino, first);
  const digest = createHash('sha256').update(readFileSync(full)).digest('hex').slice(0, 16);
  return `${common} ${status.size} ${digest} first=${first}`;
}
