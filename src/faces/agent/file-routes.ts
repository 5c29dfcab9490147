import type { z } from 'zod';
import {
  copiedAnswer,
  lookAtQuerySchema,
  pathAnswer,
  readFilesQuerySchema,
  writeFilesQuerySchema,
} from './file-schemas.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';
import { ARCHIVE } from './streams.ts';

const DEADLINE_MS = 60_000;

/** Files in and out of containers. */
export function fileRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/path', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'container' },
      summary: 'What is at a path in a container.',
      query: lookAtQuerySchema,
      answer: { kind: 'json', schema: pathAnswer },
      handle: lookAt,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/files', deadlineMs: 'none' },
      needs: { role: 'operate', of: 'container' },
      summary: 'A file or a directory of a container, with all that is in it.',
      notes:
        'the top of the archive is called `name`, which is the last part of `path` unless given; with an empty one there is what is in the directory, without it. ' +
        'The connection is cut where the rest could not be read: an archive is whole when its two blocks of zeros have come.',
      query: readFilesQuerySchema,
      answer: { kind: 'archive', of: 'a tar stream (pax)' },
      handle: read,
    }),
    defineRoute({
      ...{ method: 'PUT', path: '/v1/containers/:id/files', deadlineMs: 'none', once: true },
      needs: { role: 'operate', of: 'container' },
      summary: 'Unpacks an archive into a directory of a container, beside and over what is there.',
      notes:
        "what was unpacked before a failure stays; each file is whole or not there. Without `archive` all of it is root's of the container. No key makes it repeatable, and repeating it does no harm.",
      query: writeFilesQuerySchema,
      upload: { contentType: ARCHIVE, of: 'a tar stream, not compressed' },
      answer: { kind: 'json', schema: copiedAnswer },
      handle: write,
    }),
  ];
}

async function lookAt({ engine, params, query }: Call<unknown, z.output<typeof lookAtQuerySchema>>): Promise<Answer> {
  const { path, follow = false } = query;
  const { mtimeNs, ...facts } = await engine.files.lookAt(params.id ?? '', path, follow);
  return json({ ...facts, mtimeNs: String(mtimeNs) });
}

async function read(call: Call<unknown, z.output<typeof readFilesQuerySchema>>): Promise<Answer> {
  const { engine, params, query, signal } = call;
  const { path, name = lastPart(path), follow: followLink = false, archive = false } = query;
  const chunks = await engine.files.read(params.id ?? '', { path, name, followLink, archive }, signal);
  return { kind: 'stream', contentType: ARCHIVE, chunks };
}

async function write(call: Call<unknown, z.output<typeof writeFilesQuerySchema>>): Promise<Answer> {
  const { engine, params, query, uploaded, signal } = call;
  const { path, archive = false } = query;
  return json(await engine.files.write(params.id ?? '', { path, archive }, uploaded, signal));
}

/** Empty for the root, whose content is taken. */
function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
