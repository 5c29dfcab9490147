import { posix } from 'node:path';
import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import type { ArchiveFailure } from '../../base/local-archive.ts';
import { defineErrors, isErrorOfKind } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import { cutReason } from './archive-cut.ts';
import type { CliContext } from './context.ts';
import {
  type CopyPlan,
  type CopySide,
  copyPlan,
  copySide,
  type FoundKind,
  type WrittenPath,
  writtenPath,
} from './copy-target.ts';
import { remedyToRead, remedyToWrite } from './file-refusal.ts';

export const copyErrors = defineErrors('cli-copy', {
  noContainer: {
    kind: 'invalid-argument',
    message: (d: { source: string; target: string }) => `neither ${d.source} nor ${d.target} is in a container`,
    remedy: () => 'write CONTAINER:PATH for one of them; a local path that holds a colon begins with ./',
  },
  terminal: {
    kind: 'invalid-argument',
    message: () => 'an archive would be written to a terminal',
    remedy: () => 'send it to a file or to tar: isopod cp CONTAINER:PATH - | tar x',
  },
  missing: {
    kind: 'not-found',
    message: (d: { path: string; container: string | undefined }) =>
      `there is no ${d.path}${d.container === undefined ? '' : ` in container ${d.container}`}`,
  },
  notInto: {
    kind: 'invalid-argument',
    message: (d: { path: string }) => `${d.path} is no directory, and an archive is unpacked into one`,
  },
  cut: {
    kind: 'unavailable',
    message: (d: { path: string; reason: string; remedy: string | undefined }) =>
      `the copy of ${d.path} broke off: ${d.reason}`,
    remedy: (d) => `what has come so far stays; ${d.remedy ?? 'agent.log in the state directory tells why'}`,
  },
  links: {
    kind: 'invalid-argument',
    message: (d: { path: string }) => `${d.path} goes through more than 40 symlinks`,
  },
  failed: {
    kind: 'internal',
    message: (d: { path: string; meaning: string; remedy: string }) => `${d.path}: ${d.meaning}`,
    remedy: (d) => d.remedy,
  },
});

export interface CopyOptions {
  readonly archive?: boolean;
  readonly followLink?: boolean;
}

/** What is at a path, on whichever side. */
interface Found {
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  readonly linkTarget: string;
}
type Look = (path: string, followLink: boolean) => Promise<Found | undefined>;

interface End {
  /** Where relative paths begin. */
  readonly from: string;
  readonly look: Look;
  read(request: {
    readonly path: string;
    readonly name: string;
    readonly followLink: boolean;
  }): Promise<AsyncIterable<Uint8Array>>;
  write(directory: string, source: AsyncIterable<Uint8Array>): Promise<void>;
}

const S_IFMT = 0o170_000;
const S_IFDIR = 0o040_000;
const S_IFREG = 0o100_000;
const MAX_LINKS = 40;

/** `isopod cp`. @returns the exit code */
export async function copyCommand(
  context: CliContext,
  client: AgentClient,
  { source, target, ...options }: CopyOptions & { readonly source: string; readonly target: string },
): Promise<number> {
  const [from, to] = [copySide(source), copySide(target)];
  if (from.kind !== 'container' && to.kind !== 'container') throw copyErrors.noContainer({ source, target });
  if (from.kind === 'stream') return fromStream(context, client, to as ContainerSide, options);
  const origin = endOf(context, client, from, options);
  if (to.kind === 'stream') return toStream(context, origin, from.path, options);
  await copyBetween(
    { ...from, end: origin },
    { ...to, end: endOf(context, client, to, options) },
    options.followLink === true,
  );
  return 0;
}

type ContainerSide = Extract<CopySide, { kind: 'container' }>;
type PathSide = Exclude<CopySide, { kind: 'stream' }>;

async function copyBetween(
  source: { readonly path: string; readonly end: End; readonly id?: string },
  target: { readonly path: string; readonly end: End },
  followLink: boolean,
): Promise<void> {
  const written = writtenPath(source.path, source.end.from);
  const follows = followLink || written.endsWithSlash;
  const found = await source.end.look(written.path, follows);
  if (found === undefined) throw copyErrors.missing({ path: source.path, container: source.id });
  const { directory, name } = await planFor({ ...written, isDirectory: found.isDirectory }, target);
  await target.end.write(directory, await source.end.read({ path: written.path, name, followLink: follows }));
}

async function planFor(
  source: WrittenPath & { readonly isDirectory: boolean },
  target: { readonly path: string; readonly end: End },
): Promise<CopyPlan> {
  const written = writtenPath(target.path, target.end.from);
  return copyPlan(source, { ...written, ...(await resolved(target.end.look, written.path)) });
}

/** A symlink that leads to no directory is followed, as by who opens a file to write it; also one that leads to nothing yet. */
async function resolved(look: Look, start: string): Promise<{ readonly path: string; readonly found: FoundKind }> {
  let path = start;
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const end = await look(path, true);
    if (end?.isDirectory === true) return { path, found: 'directory' };
    const itself = await look(path, false);
    if (itself === undefined) return { path, found: 'missing' };
    if (itself.linkTarget === '') return { path, found: itself.isFile ? 'file' : 'special' };
    path = posix.resolve(posix.dirname(path), itself.linkTarget);
  }
  throw copyErrors.links({ path: start });
}

async function fromStream(
  context: CliContext,
  client: AgentClient,
  side: ContainerSide,
  options: CopyOptions,
): Promise<number> {
  const { look, write, from } = endOf(context, client, side, options);
  const { path } = writtenPath(side.path, from);
  if ((await look(path, true))?.isDirectory !== true) throw copyErrors.notInto({ path: side.path });
  await write(path, context.stdin());
  return 0;
}

async function toStream(context: CliContext, end: End, text: string, { followLink }: CopyOptions): Promise<number> {
  if (context.stdout.isTTY) throw copyErrors.terminal();
  const { path, isContent, endsWithSlash } = writtenPath(text, end.from);
  const name = isContent ? '' : posix.basename(path);
  for await (const chunk of await end.read({ path, name, followLink: followLink === true || endsWithSlash })) {
    if (!context.stdout.write(chunk)) await new Promise((resolve) => context.stdout.once('drain', resolve));
  }
  return 0;
}

function endOf(context: CliContext, client: AgentClient, side: PathSide, options: CopyOptions): End {
  return side.kind === 'local' ? localEnd(context, options) : containerEnd(client, side.id, options);
}

function containerEnd(client: AgentClient, id: string, { archive = false }: CopyOptions): End {
  const base = `/v1/containers/${encodeURIComponent(id)}`;
  const query = (values: Readonly<Record<string, string>>): string => new URLSearchParams(values).toString();
  return {
    from: '/',
    look: async (path, followLink) => {
      try {
        type Facts = { readonly mode: number; readonly linkTarget: string };
        const { mode, linkTarget } = await client.call<Facts>(
          'GET',
          `${base}/path?${query({ path, follow: `${followLink}` })}`,
        );
        return { isDirectory: (mode & S_IFMT) === S_IFDIR, isFile: (mode & S_IFMT) === S_IFREG, linkTarget };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    read: async ({ path, name, followLink }) => {
      const wanted = { path, name, follow: `${followLink}`, archive: `${archive}` };
      return toItsEnd(await client.archive('GET', `${base}/files?${query(wanted)}`), path);
    },
    write: async (path, source) => {
      await client.upload(`${base}/files?${query({ path, archive: `${archive}` })}`, 'application/x-tar', source);
    },
  };
}

async function* toItsEnd(stream: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw copyErrors.cut({ path, ...cutReason(error) }, error);
  }
}

/** Nothing at the path; a container that is not there is another matter. */
function isMissing(error: unknown): boolean {
  const isAbout = (code: string): boolean => (error as { readonly code?: string }).code === code;
  return (isErrorOfKind(error, 'not-found') && isAbout('files.missing')) || isAbout('files.notDirectory');
}

function localEnd({ localFiles, cwd }: CliContext, { archive = false }: CopyOptions): End {
  return {
    from: cwd,
    look: (path, followLink) => localFiles.lookAt(path, followLink),
    read: async ({ path, name, followLink }) =>
      localFiles.pack({ path, name, followLink, archive, failed: failureTo(remedyToRead) }),
    write: async (directory, source) => {
      const failure = await localFiles.unpack({ directory, archive }, source);
      if (failure !== undefined) throw failureTo(remedyToWrite)(failure);
    },
  };
}

/** @param remedy by the code of the system; the helper itself may have failed without one */
function failureTo(remedy: (code: string) => string): (failure: ArchiveFailure) => Error {
  return ({ errno, about }) => {
    const path = about || 'the archive';
    if (errno === 0) return copyErrors.failed({ path, meaning: 'failed', remedy: remedy('') });
    const meaning = getSystemErrorMessage(-errno);
    return copyErrors.failed({ path, meaning, remedy: remedy(getSystemErrorName(-errno)) });
  };
}
