import { defineErrors, EngineError } from '../model/error.ts';
import { MAX_FILE_PART_BYTES } from '../model/wire.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import type { SandboxOperations } from './sandbox-facade.ts';

export const sandboxErrors = defineErrors('sandbox', {
  missing: {
    kind: 'not-found',
    message: (d: { path: string; uid: string }) => `there is no ${d.path} in the sandbox of container ${d.uid}`,
  },
  leadsOut: {
    kind: 'permission-denied',
    message: (d: { path: string; uid: string }) => `${d.path} leads out of the sandbox of container ${d.uid}`,
    remedy: () => 'name what is inside by a path without symlinks that leave it',
  },
  wrongType: {
    kind: 'invalid-argument',
    message: (d: { path: string; uid: string; wanted: string }) =>
      `${d.path} in the sandbox of container ${d.uid} is no ${d.wanted}`,
  },
  badRange: {
    kind: 'invalid-argument',
    message: (d: { offset: number; length: number; most: number }) =>
      `offset ${d.offset} and length ${d.length} are no part of a file of at most ${d.most} bytes`,
  },
});

type Wanted = 'directory' | 'regular file';

/** ELOOP: too many symlinks, or a magic link of procfs. */
const LEADS_OUT: ReadonlySet<string> = new Set(['EXDEV', 'ELOOP', 'EAGAIN']);
const WRONG_TYPE: ReadonlySet<string> = new Set(['ENOTDIR', 'EISDIR', 'EINVAL', 'ENXIO']);

/** @param operate counts an operation, so that idleness and closing know of it */
export function sandboxOperations(
  host: EngineHost,
  operate: <Result>(operation: () => Promise<Result>) => Promise<Result>,
): SandboxOperations {
  const look = <Result>(
    facts: { readonly id: string; readonly path: string; readonly wanted: Wanted },
    work: (directory: string) => Promise<Result>,
  ): Promise<Result> =>
    operate(async () => {
      const { uid, paths } = host.registry.get(facts.id);
      const step = { what: `reading ${facts.path} of its sandbox`, uid, ms: DEADLINES.hookMs };
      try {
        return await host.operations.within(step, work(paths.sandboxDir));
      } catch (error) {
        throw refusalOf(error, { ...facts, uid });
      }
    });
  return {
    list: (id, path) => look({ id, path, wanted: 'directory' }, (directory) => host.browser.listFiles(directory, path)),
    read: async (id, path, range) => {
      const { offset, length } = range;
      const isPart = [offset, length].every((number) => Number.isSafeInteger(number) && number >= 0);
      if (!isPart || length > MAX_FILE_PART_BYTES) {
        throw sandboxErrors.badRange({ offset, length, most: MAX_FILE_PART_BYTES });
      }
      return look({ id, path, wanted: 'regular file' }, (directory) => host.browser.readFile(directory, path, range));
    },
  };
}

function refusalOf(
  error: unknown,
  { path, uid, wanted }: { readonly path: string; readonly uid: string; readonly wanted: Wanted },
): unknown {
  if (!(error instanceof EngineError) || error.code !== 'browse.refused') return error;
  const errno = String(error.details.errno);
  const shown = path === '' ? '.' : path;
  if (errno === 'ENOENT' || errno === 'ENAMETOOLONG') return sandboxErrors.missing({ path: shown, uid });
  if (LEADS_OUT.has(errno)) return sandboxErrors.leadsOut({ path: shown, uid });
  if (WRONG_TYPE.has(errno)) return sandboxErrors.wrongType({ path: shown, uid, wanted });
  return error;
}
