import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { defineErrors, systemErrorCode } from '../../model/error.ts';
import type { CliContext } from './context.ts';
import { fileRefusal, remedyToRead, remedyToWrite } from './file-refusal.ts';

export const localFileErrors = defineErrors('cli-file', {
  terminal: {
    kind: 'invalid-argument',
    message: () => 'an archive would be written to a terminal',
    remedy: () => 'send it to a file with -o, or into a pipe',
  },
  terminalInput: {
    kind: 'invalid-argument',
    message: () => 'an archive is to come from standard input, which is a terminal',
    remedy: () => 'name its file, or send it through a pipe',
  },
  unreadable: {
    kind: 'invalid-argument',
    message: (d: { path: string; cause: string; code: string }) => `${d.path} cannot be read: ${d.cause} (${d.code})`,
    remedy: (d) => remedyToRead(d.code),
  },
  unwritable: {
    kind: 'invalid-argument',
    message: (d: { path: string; cause: string; code: string }) =>
      `${d.path} cannot be written: ${d.cause} (${d.code})`,
    remedy: (d) => remedyToWrite(d.code),
  },
  noDirectory: {
    kind: 'invalid-argument',
    message: (d: { path: string; directory: string }) =>
      `${d.path} cannot be written: there is no directory ${d.directory}`,
    remedy: (d) => `make it first: mkdir -p ${d.directory}`,
  },
  unfetched: {
    kind: 'unavailable',
    message: (d: { url: string; reason: string }) => `${d.url} cannot be fetched: ${d.reason}`,
    remedy: () =>
      'check the address, and that this machine can reach it; a file that was fetched by other means may be named instead',
  },
});

/** What is at a path of the caller's, on standard input (`-` or nothing), or at an http URL. */
export async function openInput(context: CliContext, from: string | undefined): Promise<AsyncIterable<Uint8Array>> {
  if (from === undefined || from === '-') {
    const input = context.stdin();
    if (input.isTTY) throw localFileErrors.terminalInput();
    return input;
  }
  if (/^https?:\/\//.test(from)) return fetched(from);
  const path = resolve(context.cwd, from);
  try {
    await (await open(path, 'r')).close();
    if ((await stat(path)).isDirectory()) throw isDirectory(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  return readFile(path);
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function isDirectory(path: string): Error {
  return localFileErrors.unreadable({ path, cause: 'is a directory', code: 'EISDIR' });
}

/** A system error as ours; any other as it is. */
function unreadable(path: string, error: unknown): unknown {
  const refusal = fileRefusal(error);
  return refusal === undefined ? error : localFileErrors.unreadable({ path, ...refusal }, error);
}

async function fetched(url: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw localFileErrors.unfetched({ url, reason: `status ${response.status}` });
    return response.body ?? (async function* () {})();
  } catch (error) {
    if (systemErrorCode(error)?.startsWith('cli-file.') === true) throw error;
    const cause = (error as { readonly cause?: unknown }).cause ?? error;
    throw localFileErrors.unfetched({ url, reason: (cause as Error).message }, error);
  }
}

/**
 * Writes a stream to standard output, or to a file that appears when it is whole.
 *
 * @param mode of a new file, before the umask; default 0o666
 * @throws {EngineError} `cli-file.unwritable` (invalid-argument); what `content` throws
 */
export async function writeOutput(
  context: CliContext,
  to: string | undefined,
  content: AsyncIterable<Uint8Array>,
  mode = 0o666,
): Promise<void> {
  if (to !== undefined && to !== '-') return writeFileWhole(resolve(context.cwd, to), content, mode);
  for await (const chunk of content) {
    if (!context.stdout.write(chunk)) await new Promise((taken) => context.stdout.once('drain', taken));
  }
}

/** Called before anything is asked for. @throws {EngineError} `cli-file.terminal`, `.noDirectory` */
export async function checkOutput(
  { stdout, cwd }: Pick<CliContext, 'stdout' | 'cwd'>,
  to: string | undefined,
): Promise<void> {
  if (to === undefined || to === '-') {
    if (stdout.isTTY) throw localFileErrors.terminal();
    return;
  }
  const path = resolve(cwd, to);
  const directory = dirname(path);
  const isThere = await stat(directory).then(
    (status) => status.isDirectory(),
    (error: unknown) => !['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? ''), // else it is told when it is opened
  );
  if (!isThere) throw localFileErrors.noDirectory({ path, directory });
}

async function writeFileWhole(path: string, content: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
  // A device or a pipe is written into, and never replaced.
  const there = await stat(path).catch(() => undefined);
  const written = there === undefined || there.isFile() ? `${path}.${process.pid}.tmp` : path;
  const failure = (error: unknown): unknown => {
    const refusal = fileRefusal(error);
    return refusal === undefined ? error : localFileErrors.unwritable({ path, ...refusal }, error);
  };
  let file: FileHandle;
  try {
    file = await open(written, written === path ? 'w' : 'wx', mode);
  } catch (error) {
    throw failure(error);
  }
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.close();
    if (written !== path) await rename(written, path);
  } catch (error) {
    await file.close().catch(() => {});
    if (written !== path) await rm(written, { force: true });
    throw failure(error);
  }
}
