import type { z } from 'zod';
import type { Clock } from '../../base/effects.ts';
import { present } from '../../model/container-request.ts';
import {
  emptyAnswer,
  imagesAnswer,
  pullAnswer,
  removedImageAnswer,
  reportAnswer,
  sessionAnswer,
  versionAnswer,
  waitAnswer,
} from './answer-schemas.ts';
import { signalSessionOnce } from './repeated-signal.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';
import {
  containerSchema,
  execSchema,
  pullSchema,
  removeImageQuerySchema,
  signalSchema,
  waitQuerySchema,
} from './schemas.ts';
import { type ReportPorts, securityReport } from './security-report/security-report.ts';
import { NDJSON, ndjson, progressOf } from './streams.ts';
import { configOf, execConfigOf, imageJson, secretsOf, terminationJson } from './translate.ts';
import { withTimeout } from './with-timeout.ts';

const DEADLINE_MS = 60_000;
/** The launch of a probe and the end of it. */
const REPORT_DEADLINE_MS = 3 * 60_000;
const DEFAULT_WAIT_MS = 30_000;

/** What `isopod version` and a client that checks its agent want to know. */
export interface AgentVersion {
  readonly version: string;
  readonly protocol: number;
  readonly node: string;
  readonly pid: number;
  readonly rootDir: string;
  readonly stateDir: string;
}

/** Exec sessions, images, security reports, and the agent itself. */
export function otherRoutes(ports: ReportPorts, version: AgentVersion): readonly Route[] {
  return [
    ...sessionRoutes(ports.clock),
    ...imageRoutes(),
    defineRoute({
      ...{ method: 'POST', path: '/v1/security-report', deadlineMs: REPORT_DEADLINE_MS, isUnwritten: true },
      needs: { role: 'operate', of: 'new container' },
      summary: 'What such a container may and may not do: by its plan, and as a probe in its place has found.',
      body: { schema: containerSchema, where: 'the container' },
      answer: { kind: 'json', schema: reportAnswer },
      handle: (call) => report(call, ports),
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/version', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'nothing' },
      summary: 'The agent: its version and that of its protocol, its process and its directories.',
      answer: { kind: 'json', schema: versionAnswer },
      handle: async () => json(version),
    }),
  ];
}

function sessionRoutes(clock: Clock): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/exec', deadlineMs: DEADLINE_MS, status: 201, isUnwritten: true },
      needs: { role: 'operate', of: 'container' },
      summary: 'Starts a further process in a running container, with the very rights of its first one.',
      body: { schema: execSchema, where: 'exec' },
      answer: { kind: 'json', schema: sessionAnswer },
      handle: exec,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/sessions/:id/wait', deadlineMs: 'none' },
      needs: { role: 'read', of: 'session' },
      summary: 'Waits for the end of a session; null when `timeoutMs` (30000 unless said) is over first.',
      query: waitQuerySchema,
      answer: { kind: 'json', schema: waitAnswer },
      handle: (call) => waitSession(call, clock),
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/sessions/:id/signal', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'session' },
      summary: 'Sends a signal to the process of a session.',
      body: { schema: signalSchema, where: 'signal' },
      answer: { kind: 'json', schema: emptyAnswer },
      handle: signalSession,
    }),
  ];
}

function imageRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'POST', path: '/v1/images/pull', deadlineMs: 'none', once: true },
      needs: { role: 'operate', of: 'nothing' },
      summary: 'Pulls an image: progress as it happens, and the image in the last line. The pull ends with its client.',
      body: { schema: pullSchema, where: 'pull' },
      answer: { kind: 'lines', schema: pullAnswer },
      handle: pull,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/images', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'nothing' },
      summary: 'All images of the store.',
      answer: { kind: 'json', schema: imagesAnswer },
      handle: images,
    }),
    defineRoute({
      ...{ method: 'DELETE', path: '/v1/images/:id', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'agent' },
      summary: 'Takes a name from an image; one without names and users goes, by its id too.',
      notes:
        'with `force` an image that is named by its id loses names of several repositories, and one that a container uses its last name: it stays without any.',
      query: removeImageQuerySchema,
      answer: { kind: 'json', schema: removedImageAnswer },
      handle: removeImage,
    }),
  ];
}

async function exec({ engine, params, body: request, requestKey }: Call<z.output<typeof execSchema>>): Promise<Answer> {
  const { uid } = await engine.status(params.id ?? '');
  return json(await engine.exec(execConfigOf(request, uid), { requestKey }), 201);
}

async function waitSession(call: Call<unknown, z.output<typeof waitQuerySchema>>, clock: Clock): Promise<Answer> {
  const { engine, params, query, signal } = call;
  const timeoutMs = query.timeoutMs ?? DEFAULT_WAIT_MS;
  const waited = (until: AbortSignal) => engine.waitSession(params.id ?? '', until);
  const termination = await withTimeout(waited, { clock, signal, timeoutMs });
  return json({ termination: termination === undefined ? null : terminationJson(termination) });
}

async function signalSession(call: Call<z.output<typeof signalSchema>>): Promise<Answer> {
  const { engine, params, body, begun } = call;
  await signalSessionOnce(engine, { id: params.id ?? '', signal: body.signal, begun });
  return json({});
}

/** The probe takes the place of the command, and of what an image would run. */
async function report(
  { engine, body, signal }: Call<z.output<typeof containerSchema>>,
  ports: ReportPorts,
): Promise<Answer> {
  const config = configOf({ ...body, entrypoint: [], command: [ports.probe] });
  return json({ rows: await securityReport(ports, engine, { config, secrets: secretsOf(body), signal }) });
}

async function images({ engine }: Call): Promise<Answer> {
  return json((await engine.listImages()).map(imageJson));
}

async function removeImage(call: Call<unknown, z.output<typeof removeImageQuerySchema>>): Promise<Answer> {
  return json(await call.engine.removeImage(call.params.id ?? '', { force: call.query.force ?? false }));
}

/** Progress as it happens, last line `{"image": …}` or `{"error": …}`. The pull ends with its client. */
async function pull({ engine, body, signal }: Call<z.output<typeof pullSchema>>): Promise<Answer> {
  const { reference, ...wanted } = body;
  const work = async (report: (event: unknown) => void): Promise<unknown> => {
    const onProgress = (event: unknown): void => report({ progress: event });
    const image = await engine.pullImage(reference, { ...present(wanted), onProgress, signal });
    return { image: imageJson(image) };
  };
  return { kind: 'stream', contentType: NDJSON, chunks: ndjson(progressOf(work, progressKey)) };
}

/** Later progress of one layer replaces earlier; every other event is kept. */
function progressKey(event: unknown): string {
  const { progress = {} } = event as { readonly progress?: Readonly<Record<'kind' | 'digest' | 'host', string>> };
  const { kind = '', digest, host = '' } = progress as Partial<Record<'kind' | 'digest' | 'host', string>>;
  return `${kind} ${digest ?? host}`;
}
