import type { Files } from '../../base/effects.ts';
import { defineErrors, systemErrorCode } from '../../model/error.ts';

export const filePlaceErrors = defineErrors('file-place', {
  noFile: {
    kind: 'failed-precondition',
    message: (d: { path: string; kind: string }) =>
      `${d.path} is no file but a ${d.kind}, which an archive that is written whole would take the place of`,
    remedy: () => 'name a file; for a pipe or a device, isopod save and isopod export write into what is there',
  },
});

const KINDS = { directory: 'directory', symlink: 'symlink to nothing', other: 'device, pipe or socket' } as const;

/**
 * Where a file is put that takes the place of what is there: what a symlink leads to keeps its links, and nothing but a file is
 * taken away.
 *
 * @throws {EngineError} `file-place.noFile` (failed-precondition)
 */
export async function filePlace(path: string, files: Pick<Files, 'status' | 'realPath'>): Promise<string> {
  try {
    let place = path;
    let { kind } = await files.status(path);
    if (kind === 'symlink') {
      place = await files.realPath(path).catch(() => path);
      kind = (await files.status(place)).kind;
    }
    if (kind !== 'file') throw filePlaceErrors.noFile({ path, kind: KINDS[kind] });
    return place;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return path;
    throw error;
  }
}
