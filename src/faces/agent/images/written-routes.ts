import { z } from 'zod';
import { type Answer, type Call, defineRoute, json, type Route } from '../router.ts';
import { ARCHIVE, NDJSON, ndjson } from '../streams.ts';
import { imageJson } from '../translate.ts';
import { imageAnswer } from './image-answers.ts';

const MOST_CHANGES = 1000;
const MOST_TEXT = 65_536;

const commitSchema = z.strictObject({
  reference: z.string().min(1).max(4096).optional(),
  changes: z.array(z.string().min(1).max(MOST_TEXT)).max(MOST_CHANGES).optional(),
  message: z.string().max(MOST_TEXT).optional(),
  author: z.string().max(4096).optional(),
  pause: z.boolean().optional(),
});

const changeAnswer = z.object({
  kind: z.enum(['added', 'changed', 'deleted']),
  path: z.string().describe('from the root of the container'),
});

/** What containers have written over their images. */
export function writtenRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/changes', deadlineMs: 'none' },
      needs: { role: 'operate', of: 'container' },
      summary:
        'Paths that a container has added, changed or deleted, and the directories that they are in, in no order.',
      notes: 'volumes, the directories of the kernel and what the engine itself mounts or makes are left out.',
      answer: { kind: 'lines', schema: changeAnswer },
      handle: changes,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/export', deadlineMs: 'none' },
      needs: { role: 'operate', of: 'container' },
      summary: 'The whole root of a container, image and container together.',
      notes:
        'what is mounted in it (volumes, /proc, /dev) is an empty directory or file. The connection is cut where the rest could not be read: an archive is ' +
        'whole when its two blocks of zeros have come.',
      answer: { kind: 'archive', of: 'a tar stream (pax)' },
      handle: whole,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/commit', deadlineMs: 'none', status: 201 },
      needs: { role: 'operate', of: 'container' },
      summary: 'Makes an image of a container: one more layer on its image, and a config that says how it was run.',
      notes:
        '`changes` are instructions of a Dockerfile (CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR). Its processes stand ' +
        'still meanwhile, unless `pause` is false. It ends with its client, and nothing of the image is there then.',
      body: { schema: commitSchema, where: 'the commit' },
      answer: { kind: 'json', schema: imageAnswer },
      handle: commit,
    }),
  ];
}

async function changes({ engine, params, signal }: Call): Promise<Answer> {
  const found = await engine.written.changes(params.id ?? '', signal);
  return { kind: 'stream', contentType: NDJSON, chunks: ndjson(found) };
}

async function whole({ engine, params, signal }: Call): Promise<Answer> {
  return { kind: 'stream', contentType: ARCHIVE, chunks: await engine.written.whole(params.id ?? '', signal) };
}

async function commit({ engine, params, body, signal }: Call<z.output<typeof commitSchema>>): Promise<Answer> {
  const { changes: lines = [], pause = true, reference, message, author } = body;
  const request = { changes: lines, pause, reference, message, author };
  return json(imageJson(await engine.written.commit(params.id ?? '', request, signal)), 201);
}
