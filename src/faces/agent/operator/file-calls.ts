import { z } from 'zod';
import type { ContainerStatus, Engine } from '../../../engine/facade.ts';
import type { FileEntry } from '../../../engine/sandbox-facade.ts';
import { MAX_FILE_PART_BYTES } from '../../../model/wire.ts';
import type { Need } from '../access/decide.ts';
import { answer, type CallAnswer, type CallContext, type CallKind, call } from './call-kind.ts';
import { operatorErrors } from './errors.ts';
import { exactInteger } from './exact-integer.ts';

const path = z.string().min(1).max(4096);
const listFilesSchema = z.strictObject({ path });
const readFileSchema = z.strictObject({
  path,
  offset: z.number().int().nonnegative(),
  length: z.number().int().nonnegative().optional(),
});

const READ: Need = { role: 'read', of: 'containers' };

/** Files of sandboxes. A path begins with the id of a container, or with the host path of its sandbox directory. */
export const FILE_CALLS: Readonly<Record<string, CallKind<unknown>>> = {
  LIST_FILES: call(READ, listFilesSchema, listFiles),
  READ_FILE: call(READ, readFileSchema, readFile),
};

async function listFiles(
  { path: asked }: z.output<typeof listFilesSchema>,
  { engine }: CallContext,
): Promise<CallAnswer> {
  const { uid, below } = await placeOf(engine, asked);
  const { entries, isComplete } = await engine.sandboxes.list(uid, below);
  if (!isComplete) throw operatorErrors.tooManyFiles({ path: asked, count: entries.length });
  const base = asked.replace(/\/+$/, '');
  return answer('LIST_FILES', { file_infos: entries.map((entry) => fileInfo(base, entry)) });
}

/** A part is as long as a frame of the helper lets it be, whatever was asked for: `size` tells how much there is. */
async function readFile(
  { path: asked, offset, length = MAX_FILE_PART_BYTES }: z.output<typeof readFileSchema>,
  { engine }: CallContext,
): Promise<CallAnswer> {
  const { uid, below } = await placeOf(engine, asked);
  const range = { offset, length: Math.min(length, MAX_FILE_PART_BYTES) };
  const { sizeBytes, data } = await engine.sandboxes.read(uid, below, range);
  return answer('READ_FILE', { size: sizeBytes, data: Buffer.from(data).toString('base64') });
}

function fileInfo(base: string, { name, mode, uid, gid, links, sizeBytes, mtimeNs }: FileEntry): object {
  return {
    path: `${base}/${name}`,
    ...{ nlink: links, size: sizeBytes, mtime: { nanoseconds: exactInteger(mtimeNs) }, mode },
    ...{ uid: String(uid), gid: String(gid) },
  };
}

/** @throws {EngineError} `operator.noSuchFile` (not-found) */
async function placeOf(engine: Engine, asked: string): Promise<{ readonly uid: string; readonly below: string }> {
  const below = (status: ContainerStatus, rest: string) => ({ uid: status.uid, below: rest.replace(/^\/+/, '') });
  const [, id = '', rest = ''] = /^\/?([^/]+)(.*)$/s.exec(asked) ?? [];
  const named = await engine.check(id);
  if (named !== undefined) return below(named, rest);
  const all = await engine.list();
  // An id in text form has dots between parents and children, where the engine has slashes; names may have dots, too.
  const nested =
    all.find(({ path }) => path.replaceAll('/', '.') === id) ?? (await engine.check(id.replaceAll('.', '/')));
  if (nested !== undefined) return below(nested, rest);
  for (const status of all) {
    const { sandboxDir } = status;
    if (asked === sandboxDir || asked.startsWith(`${sandboxDir}/`))
      return below(status, asked.slice(sandboxDir.length));
  }
  throw operatorErrors.noSuchFile({ path: asked });
}
