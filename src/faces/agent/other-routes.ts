import type { Clock } from '../../base/effects.ts';
import { withTimeout } from './container-routes.ts';
import { type Answer, type Call, json, type Route } from './router.ts';
import {
  containerSchema,
  execSchema,
  killSchema,
  parseBody,
  parseQuery,
  pullSchema,
  waitQuerySchema,
} from './schemas.ts';
import { type ReportPorts, securityReport } from './security-report/security-report.ts';
import { NDJSON, ndjson, progressOf } from './streams.ts';
import { configOf, execConfigOf, imageJson, secretsOf, terminationJson } from './translate.ts';

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
    { method: 'POST', path: '/v1/containers/:id/exec', deadlineMs: DEADLINE_MS, handle: exec },
    {
      method: 'GET',
      path: '/v1/sessions/:id/wait',
      deadlineMs: 'none',
      handle: (call) => waitSession(call, ports.clock),
    },
    { method: 'POST', path: '/v1/sessions/:id/signal', deadlineMs: DEADLINE_MS, handle: signalSession },
    { method: 'POST', path: '/v1/images/pull', deadlineMs: 'none', once: true, handle: pull },
    { method: 'GET', path: '/v1/images', deadlineMs: DEADLINE_MS, handle: images },
    { method: 'DELETE', path: '/v1/images/:id', deadlineMs: DEADLINE_MS, handle: removeImage },
    {
      method: 'POST',
      path: '/v1/security-report',
      deadlineMs: REPORT_DEADLINE_MS,
      handle: (call) => report(call, ports),
    },
    { method: 'GET', path: '/v1/version', deadlineMs: DEADLINE_MS, handle: async () => json(version) },
  ];
}

async function exec({ engine, params, body }: Call): Promise<Answer> {
  const request = parseBody(execSchema, body, 'exec');
  const { uid } = await engine.status(params.id ?? '');
  return json(await engine.exec(execConfigOf(request, uid)), 201);
}

async function waitSession({ engine, params, query, signal }: Call, clock: Clock): Promise<Answer> {
  const timeoutMs = parseQuery(waitQuerySchema, query).timeoutMs ?? DEFAULT_WAIT_MS;
  const waited = (until: AbortSignal) => engine.waitSession(params.id ?? '', until);
  const termination = await withTimeout(waited, { clock, signal, timeoutMs });
  return json({ termination: termination === undefined ? null : terminationJson(termination) });
}

async function signalSession({ engine, params, body }: Call): Promise<Answer> {
  await engine.signalSession(params.id ?? '', parseBody(killSchema, body, 'signal').signal);
  return json({});
}

/** The probe takes the place of the command, and of what an image would run. */
async function report({ engine, body, signal }: Call, ports: ReportPorts): Promise<Answer> {
  const request = parseBody(containerSchema, body, 'the container');
  const config = configOf({ ...request, entrypoint: [], command: [ports.probe] });
  return json({ rows: await securityReport(ports, engine, { config, secrets: secretsOf(request), signal }) });
}

async function images({ engine }: Call): Promise<Answer> {
  return json((await engine.listImages()).map(imageJson));
}

async function removeImage({ engine, params }: Call): Promise<Answer> {
  return json(await engine.removeImage(params.id ?? ''));
}

/** Progress as it happens, last line `{"image": …}` or `{"error": …}`. The pull ends with its client. */
async function pull({ engine, body, signal }: Call): Promise<Answer> {
  const { reference, platform } = parseBody(pullSchema, body, 'pull');
  const work = async (report: (event: unknown) => void): Promise<unknown> => {
    const options = { onProgress: (event: unknown) => report({ progress: event }), signal };
    const image = await engine.pullImage(reference, platform === undefined ? options : { ...options, platform });
    return { image: imageJson(image) };
  };
  return { kind: 'stream', contentType: NDJSON, chunks: ndjson(progressOf(work, progressKey)) };
}

/** Later progress of one layer replaces earlier; every other event is kept. */
function progressKey(event: unknown): string {
  const { progress } = event as { readonly progress?: { readonly kind?: string; readonly digest?: string } };
  return `${progress?.kind ?? ''} ${progress?.digest ?? ''}`;
}
