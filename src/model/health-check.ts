import { defineErrors } from './error.ts';
import { checkText, MAX_ARGUMENT_BYTES } from './text-check.ts';

/** A GET to the container itself, well with a status from 200 to 399. */
export interface HttpCheck {
  readonly port: number;
  /** With the query, if any; `/` unless given. */
  readonly path?: string | undefined;
  /** What the header Host says; `localhost` and the port unless given. */
  readonly host?: string | undefined;
  /** `https` is known to be refused. */
  readonly scheme?: 'http' | 'https' | undefined;
}

/** A connection to the container itself, well once it stands. */
export interface TcpCheck {
  readonly port: number;
}

/** What is asked of a container, in one of three ways. */
export type Check =
  /** Run in the container, with its very rights; well with exit code 0. */
  { readonly command: readonly string[] } | { readonly http: HttpCheck } | { readonly tcp: TcpCheck };

/** A check, and when it is made. */
export type RepeatedCheck = Check & {
  /** Between the end of one probe and the next. */
  readonly intervalMs: number;
  /** A probe that takes longer is killed, and has failed. */
  readonly timeoutMs: number;
  /** So long after its start no failure counts, until one probe went well. */
  readonly startPeriodMs: number;
  /** Between probes of that time. */
  readonly startIntervalMs: number;
  /** Failures in a row that make it unhealthy. */
  readonly retries: number;
};

const MOST = { words: 1_000, pathBytes: 4_096, hostBytes: 255, port: 65_535 } as const;
/** RFC 3986, 3.3 and 3.4: what may stand in a request line as it is. */
const PATH = /^\/[\x21\x22\x24-\x7e]*$/;
const HOST = /^[A-Za-z0-9._[\]:-]+$/;

export const healthCheckErrors = defineErrors('health-check', {
  noCommand: {
    kind: 'invalid-argument',
    message: (d: { words: number }) => `a check by a command of ${d.words} words cannot be run`,
    remedy: () => 'name a program, or no check at all',
  },
  badPort: {
    kind: 'invalid-argument',
    message: (d: { port: number }) => `port ${d.port} cannot be checked: ports are 1 to ${MOST.port}`,
  },
  badPath: {
    kind: 'invalid-argument',
    message: (d: { path: string }) =>
      `path ${JSON.stringify(d.path)} of a check is none that HTTP can ask for: it begins with a slash and has no space or control character`,
    remedy: () => 'percent-encode what is special in it',
  },
  badHost: {
    kind: 'invalid-argument',
    message: (d: { host: string }) => `host ${JSON.stringify(d.host)} of a check is no name for the header Host`,
  },
  noHttps: {
    kind: 'invalid-argument',
    message: (d: { port: number }) => `port ${d.port} is to be checked by https, and checks speak http alone`,
    remedy: () => 'check by TCP that somebody listens, or by a command that knows the certificate',
  },
});

/** @throws {EngineError} `health-check.*`, `text.*` (invalid-argument) */
export function parseCheck(check: Check): Check {
  if ('command' in check) return parseCommand(check);
  const { port } = 'http' in check ? check.http : check.tcp;
  if (!Number.isSafeInteger(port) || port < 1 || port > MOST.port) throw healthCheckErrors.badPort({ port });
  if ('http' in check) checkHttp(check.http);
  return check;
}

function parseCommand(check: Extract<Check, { readonly command: readonly string[] }>): Check {
  const { length } = check.command;
  if (length === 0 || length > MOST.words || check.command[0] === '') {
    throw healthCheckErrors.noCommand({ words: length });
  }
  for (const word of check.command) checkText('command of the health check', word, MAX_ARGUMENT_BYTES);
  return check;
}

function checkHttp({ port, path, host, scheme }: HttpCheck): void {
  if (scheme === 'https') throw healthCheckErrors.noHttps({ port });
  if (path !== undefined && (path.length > MOST.pathBytes || !PATH.test(path)))
    throw healthCheckErrors.badPath({ path });
  if (host !== undefined && (host.length > MOST.hostBytes || !HOST.test(host)))
    throw healthCheckErrors.badHost({ host });
}

/** The check of a request or record alone, without its times. Pure. */
export function checkOf(check: Check): Check {
  if ('command' in check) return { command: check.command };
  return 'http' in check ? { http: check.http } : { tcp: check.tcp };
}
