import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../src/engine/facade.ts';
import type { Operation } from './operations.ts';

/** Where the store has what nobody named yet, or what was made of its layers; nothing stays when the images are gone. */
const PLACES = ['layers', 'blobs/sha256', 'blobs/ingest', 'erofs', 'containers'];
const UNFINISHED = /(?:^|\/)(?:\.?tmp-[^/]*|[^/]*\.part)$/;

/** Copies a root directory as it is now; the copy stays the same directory, and so the same instance. */
export function copyRootTo(root: string, copy: string): void {
  mkdirSync(copy, { recursive: true });
  for (const name of readdirSync(copy)) rmSync(join(copy, name), { recursive: true });
  execFileSync('cp', ['-a', `${root}/.`, copy]);
}

/** What a power cut leaves of files that nobody had synced: half of them. */
export function loseWhatIsNotSynced(root: string): void {
  for (const path of unfinishedIn(root)) {
    const status = statSync(join(root, path));
    if (status.isFile()) truncateSync(join(root, path), status.size >> 1);
  }
}

/**
 * Whether a store goes on: nothing in it is wrong, the operation succeeds, and once images are removed nothing is left.
 *
 * @returns what is wrong, in words
 */
export async function faultsOfStore(
  root: string,
  engine: Engine,
  operation: Operation,
  image: string,
): Promise<readonly string[]> {
  const verify = async (when: string): Promise<readonly string[]> => {
    const found = await engine.upkeep.verifyImages({ images: [], repair: false }, new AbortController().signal);
    return found.flatMap(({ faults }) => faults.map((fault) => `${when}: ${JSON.stringify(fault)}`));
  };
  const faults = [...(await verify('at first')), ...unfinishedIn(root).map((path) => `unfinished: ${path}`)];
  const actor = { engine, image, tell: () => {} };
  await operation.prepare(actor);
  await operation.act(actor);
  faults.push(...(await verify('once it was done again')));
  for (const { uid } of await engine.list()) await engine.destroy(uid);
  for (const { id } of await engine.listImages()) await engine.removeImage(id, { force: true });
  return [...faults, ...PLACES.flatMap((place) => namesIn(join(root, place)).map((name) => `left: ${place}/${name}`))];
}

function unfinishedIn(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => UNFINISHED.test(path));
}

function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
