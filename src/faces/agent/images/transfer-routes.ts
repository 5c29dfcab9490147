import type { z } from 'zod';
import type { TransferProgress, Transferred } from '../../../engine/transfer-facade.ts';
import { imagesAnswer } from '../answer-schemas.ts';
import { type Answer, type Call, defineRoute, json, type Route } from '../router.ts';
import { ARCHIVE, NDJSON, ndjson, progressOf } from '../streams.ts';
import { imageJson } from '../translate.ts';
import {
  copySchema,
  importQuerySchema,
  loadQuerySchema,
  pushSchema,
  saveSchema,
  transferAnswer,
} from './transfer-schemas.ts';

const UPLOAD = 'application/x-tar';

/** Images on their way in and out of the store, and past it. */
export function transferRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'POST', path: '/v1/images/push', deadlineMs: 'none', once: true },
      needs: { role: 'operate', of: 'agent' },
      summary: 'Pushes an image of the store: progress as it happens, and the digest in the last line.',
      notes:
        'without `target` it goes to the registry that it is named after; a path of the host or a Docker engine as the target needs the role admin.',
      body: { schema: pushSchema, where: 'push' },
      answer: { kind: 'lines', schema: transferAnswer },
      handle: push,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/images/copy', deadlineMs: 'none', once: true },
      needs: { role: 'operate', of: 'agent' },
      summary:
        'Copies an image from any source to any target, past the store. Nothing is unpacked that the target does not want unpacked.',
      notes:
        'a path of the host or a Docker engine at either end needs the role admin. Digests stay, but for targets that have no manifests.',
      body: { schema: copySchema, where: 'copy' },
      answer: { kind: 'lines', schema: transferAnswer },
      handle: copy,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/images/save', deadlineMs: 'none', once: true },
      needs: { role: 'operate', of: 'nothing' },
      summary: 'Images of the store in one archive, for `docker load` unless `format` says `oci-archive`.',
      notes:
        'With `platform` an image that is here for another one is refused. The connection is cut where the rest could not be read: an archive is whole when its two blocks of zeros have come.',
      body: { schema: saveSchema, where: 'save' },
      answer: { kind: 'archive', of: 'what docker save writes, or an OCI image layout in a tar file' },
      handle: save,
    }),
    defineRoute({
      ...{ method: 'PUT', path: '/v1/images/load', deadlineMs: 'none', once: true },
      needs: { role: 'operate', of: 'nothing' },
      summary: 'Takes in every image of an archive, under the names that it has there.',
      notes:
        'the archive may be compressed with gzip, zstd, xz or bzip2. Images that came before a failure stay. Errors call the archive what `shownAs` says, `the archive` without it.',
      query: loadQuerySchema,
      upload: { contentType: UPLOAD, of: 'what docker save writes, or an OCI image layout in a tar file' },
      answer: { kind: 'json', schema: imagesAnswer },
      handle: load,
    }),
    defineRoute({
      ...{ method: 'PUT', path: '/v1/images/import', deadlineMs: 'none', once: true },
      needs: { role: 'operate', of: 'nothing' },
      summary: 'Makes the tar stream of a root file system an image of one layer.',
      notes:
        '`changes` is a list in JSON of lines as Dockerfiles have them, such as `CMD ["sh"]`. The stream may be compressed.',
      query: importQuerySchema,
      upload: { contentType: UPLOAD, of: 'a tar stream' },
      answer: { kind: 'json', schema: imagesAnswer.element },
      handle: importOne,
    }),
  ];
}

type Report = (progress: TransferProgress) => void;

async function push({ engine, body, signal }: Call<z.output<typeof pushSchema>>): Promise<Answer> {
  return told((onProgress) => engine.transfers.push(body, { onProgress, signal }));
}

async function copy({ engine, body, signal }: Call<z.output<typeof copySchema>>): Promise<Answer> {
  return told((onProgress) => engine.transfers.copy(body, { onProgress, signal }));
}

/** Progress as it happens, last line `{"transferred": …}` or `{"error": …}`. The work ends with its client. */
function told(transfer: (report: Report) => Promise<Transferred>): Answer {
  const work = async (report: (event: unknown) => void): Promise<unknown> => ({
    transferred: await transfer((progress) => report({ progress })),
  });
  return { kind: 'stream', contentType: NDJSON, chunks: ndjson(progressOf(work, progressKey)) };
}

/** Later progress of one blob replaces earlier; every other event is kept. */
function progressKey(event: unknown): string {
  const { progress = {} } = event as { readonly progress?: Readonly<Record<'kind' | 'digest' | 'host', string>> };
  const { kind = '', digest, host = '' } = progress as Partial<Record<'kind' | 'digest' | 'host', string>>;
  return `${kind} ${digest ?? host}`;
}

async function save({ engine, body, signal }: Call<z.output<typeof saveSchema>>): Promise<Answer> {
  const { format = 'docker-archive', ...said } = body;
  return { kind: 'stream', contentType: ARCHIVE, chunks: await engine.transfers.save({ ...said, format }, signal) };
}

async function load(call: Call<unknown, z.output<typeof loadQuerySchema>>): Promise<Answer> {
  const { engine, query, uploaded, signal } = call;
  return json((await engine.transfers.load(uploaded, { ...query, signal })).map(imageJson));
}

async function importOne(call: Call<unknown, z.output<typeof importQuerySchema>>): Promise<Answer> {
  const { engine, query, uploaded, signal } = call;
  const { changes = [], ...wanted } = query;
  return json(imageJson(await engine.transfers.import(uploaded, { ...wanted, changes }, signal)));
}
