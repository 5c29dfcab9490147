import type { PortAnswer, PortTry, ProcessIdentity } from '../launcher/launcher.ts';
import type { HttpCheck } from '../model/health-check.ts';
import type { Container } from './container.ts';
import type { ProbeResult } from './health-decision.ts';
import type { EngineHost } from './host.ts';

/** Where somebody in the container finds himself: most servers listen at the first, some only at the second. */
const ADDRESSES = ['127.0.0.1', '::1'] as const;
/** Of an answer; the rest is not read. As of what a command prints. */
const MAX_ANSWER_BYTES = 4096;
/** For the body that explains a status. */
const SETTLE_MS = 250;
const HTTP_PORT = 80;
/** As of Kubernetes. */
const GOOD = { from: 200, to: 399 } as const;
/** What the failures that are met every day mean. */
const MEANING: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens',
  ECONNRESET: 'the connection was reset',
  ENETUNREACH: 'it has no network, not even a loopback interface that is up',
  ESRCH: 'its first process has ended',
};

type PortCheck = { readonly http: HttpCheck } | { readonly tcp: { readonly port: number } };

/** Connects to a port of a container, once, and says what came of it. @throws {EngineError} where no helper can be had */
export async function probePort(
  host: Pick<EngineHost, 'effects' | 'launcher'>,
  container: Container,
  { timeoutMs, ...check }: PortCheck & { readonly timeoutMs: number },
): Promise<ProbeResult> {
  const { clock } = host.effects;
  const startedAtMs = clock.nowMs();
  const { process } = container;
  const told = (result: Pick<ProbeResult, 'ok' | 'output' | 'httpStatus'>): ProbeResult => ({
    ...{ startedAtMs, endedAtMs: clock.nowMs(), exitCode: undefined, ...result },
  });
  if (process === undefined) return told({ ok: false, output: 'its first process is not known' });
  const answer = await tryAddresses(host, process, portTry(check, timeoutMs));
  return told('http' in check ? judgeHttp(answer, timeoutMs) : judgeTcp(answer, timeoutMs));
}

/** The second address is for who does not listen at the first; both have one time together. */
async function tryAddresses(
  { effects, launcher }: Pick<EngineHost, 'effects' | 'launcher'>,
  process: ProcessIdentity,
  request: Omit<PortTry, 'address'>,
): Promise<PortAnswer> {
  const beganMs = effects.clock.monotonicMs();
  const [first, second] = ADDRESSES;
  const answer = await launcher.tryPort(process, { address: first, ...request });
  if (answer.failure !== 'ECONNREFUSED') return answer;
  const timeoutMs = Math.ceil(request.timeoutMs - (effects.clock.monotonicMs() - beganMs));
  if (timeoutMs < 1) return answer;
  const other = await launcher.tryPort(process, { address: second, ...request, timeoutMs });
  // A container without IPv6 says of the second address nothing that anybody wants to know.
  return other.failure === undefined || other.failure === 'ETIMEDOUT' || other.answer.length > 0 ? other : answer;
}

/** What is sent, and how much of the answer is waited for. Pure. */
export function portTry(check: PortCheck, timeoutMs: number): Omit<PortTry, 'address'> {
  if ('tcp' in check)
    return { port: check.tcp.port, timeoutMs, request: EMPTY, until: EMPTY, settleMs: 0, maxBytes: 0 };
  const { port, path = '/', host = port === HTTP_PORT ? 'localhost' : `localhost:${port}` } = check.http;
  const lines = [`GET ${path} HTTP/1.1`, `Host: ${host}`, 'User-Agent: isopod', 'Accept: */*', 'Connection: close'];
  const request = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  // The status is what counts: who holds the connection open after his head is not waited for as long.
  const until = Buffer.from('\r\n\r\n');
  return { port, timeoutMs, request, until, settleMs: SETTLE_MS, maxBytes: MAX_ANSWER_BYTES };
}

const EMPTY = new Uint8Array(0);

function judgeTcp({ failure }: PortAnswer, timeoutMs: number): Pick<ProbeResult, 'ok' | 'output'> {
  return failure === undefined ? { ok: true, output: '' } : { ok: false, output: failureText(failure, timeoutMs) };
}

/** The answer comes from the container: what is no status of HTTP is a failure like others. Pure. */
export function judgeHttp(
  { failure, answer }: PortAnswer,
  timeoutMs: number,
): Pick<ProbeResult, 'ok' | 'output' | 'httpStatus'> {
  const text = Buffer.from(answer).toString('utf8');
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?= |\r|\n)/.exec(text)?.[1];
  if (status !== undefined) {
    const httpStatus = Number(status);
    return { ok: httpStatus >= GOOD.from && httpStatus <= GOOD.to, output: text, httpStatus };
  }
  if (failure !== undefined) return { ok: false, output: failureText(failure, timeoutMs) };
  return { ok: false, output: text === '' ? 'it answered nothing' : `it does not speak HTTP/1: ${text}` };
}

function failureText(failure: string, timeoutMs: number): string {
  if (failure === 'ETIMEDOUT') return `took longer than ${timeoutMs} ms`;
  const meaning = MEANING[failure];
  return meaning === undefined ? failure : `${meaning} (${failure})`;
}
