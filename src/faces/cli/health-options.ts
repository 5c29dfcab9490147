import { type Command, Option } from 'commander';
import { present } from '../../model/container-request.ts';
import { HEALTH_ACTIONS, type HealthAction } from '../../model/health.ts';
import type { Check, HttpCheck } from '../../model/health-check.ts';
import { cliErrors } from './errors.ts';
import { parseCount, parseDuration } from './values.ts';

/** Options of `run` and `explain` about the health of a container, as docker and podman have them. */
export interface HealthOptions {
  readonly healthCmd?: string;
  readonly healthHttp?: string;
  readonly healthTcp?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthStartPeriod?: string;
  readonly healthStartInterval?: string;
  readonly healthRetries?: string;
  readonly healthOnFailure?: HealthAction;
  /** commander's name for `--no-healthcheck` left out. */
  readonly healthcheck?: boolean;
  readonly readinessCmd?: string;
  readonly readinessHttp?: string;
  readonly readinessTcp?: string;
  readonly readinessInterval?: string;
  readonly readinessTimeout?: string;
  readonly readinessStartPeriod?: string;
  readonly readinessStartInterval?: string;
  readonly readinessRetries?: string;
}

export function addHealthOptions(command: Command): Command {
  return addReadinessOptions(
    command
      .option('--health-cmd <command>', 'checks its health: a line for its shell, or a JSON list of words')
      .option('--health-http <port/path>', 'checks its health by a GET: 8080/healthz, or http://NAME:8080/healthz')
      .option('--health-tcp <port>', 'checks its health by a connection')
      .option('--health-interval <time>', 'between two checks: 30s')
      .option('--health-timeout <time>', 'how long a check may take: 30s')
      .option('--health-start-period <time>', 'how long after its start no failure counts')
      .option('--health-start-interval <time>', 'between two checks of that time: 5s')
      .option('--health-retries <count>', 'failures in a row that make it unhealthy: 3')
      .addOption(
        new Option('--health-on-failure <action>', 'what is done when it becomes unhealthy').choices(HEALTH_ACTIONS),
      )
      .option('--no-healthcheck', 'no check, whatever its image says'),
  );
}

function addReadinessOptions(command: Command): Command {
  return command
    .option('--readiness-cmd <command>', 'asks whether it is ready, as --health-cmd does')
    .option('--readiness-http <port/path>', 'the same by a GET')
    .option('--readiness-tcp <port>', 'the same by a connection')
    .option('--readiness-interval <time>', 'between two such checks: 30s')
    .option('--readiness-timeout <time>', 'how long one may take: 30s')
    .option(
      '--readiness-start-period <time>',
      'so long after its start, or until it is ready first, they are closer together',
    )
    .option('--readiness-start-interval <time>', 'between two checks of that time: 5s')
    .option('--readiness-retries <count>', 'failures in a row after which it is not ready: 3');
}

/** The field `health` of a request. @throws {EngineError} `cli.badValue` (invalid-argument) */
export function healthOf(options: HealthOptions): Readonly<Record<string, unknown>> | undefined {
  const ways = { cmd: options.healthCmd, http: options.healthHttp, tcp: options.healthTcp };
  const check = checkOf('--health', ways);
  if (options.healthcheck === false && check !== undefined) throw refusedBeside();
  const health = present({
    check: options.healthcheck === false ? 'none' : check,
    ...timesOf('--health', {
      interval: options.healthInterval,
      timeout: options.healthTimeout,
      startPeriod: options.healthStartPeriod,
      startInterval: options.healthStartInterval,
      retries: options.healthRetries,
    }),
    onFailure: options.healthOnFailure,
  });
  if (health.check === 'none' && Object.keys(health).length > 1) throw refusedBeside();
  return Object.keys(health).length === 0 ? undefined : health;
}

/** The field `readiness` of a request. @throws {EngineError} `cli.badValue` (invalid-argument) */
export function readinessOf(options: HealthOptions): Readonly<Record<string, unknown>> | undefined {
  const ways = { cmd: options.readinessCmd, http: options.readinessHttp, tcp: options.readinessTcp };
  const check = checkOf('--readiness', ways);
  const times = timesOf('--readiness', {
    interval: options.readinessInterval,
    timeout: options.readinessTimeout,
    startPeriod: options.readinessStartPeriod,
    startInterval: options.readinessStartInterval,
    retries: options.readinessRetries,
  });
  if (check === 'none')
    throw badCheck('--readiness-cmd', 'none', 'a command; without any check it is ready as soon as it runs');
  if (check !== undefined) return { check, ...times };
  const [field] = Object.keys(times);
  if (field !== undefined)
    throw badCheck('--readiness-cmd', 'nothing', `what to ask beside ${field}, or --readiness-http or --readiness-tcp`);
  return undefined;
}

function refusedBeside(): Error {
  return badCheck('--no-healthcheck', 'with another option of the health check', 'no check, or one');
}

function badCheck(option: string, value: string, wanted: string): Error {
  return cliErrors.badValue({ option, value, wanted });
}

interface TimeTexts {
  readonly interval: string | undefined;
  readonly timeout: string | undefined;
  readonly startPeriod: string | undefined;
  readonly startInterval: string | undefined;
  readonly retries: string | undefined;
}

function timesOf(prefix: string, texts: TimeTexts) {
  const time = (name: string, value: string | undefined): number | undefined =>
    value === undefined ? undefined : parseDuration(`${prefix}-${name}`, value);
  return present({
    intervalMs: time('interval', texts.interval),
    timeoutMs: time('timeout', texts.timeout),
    startPeriodMs: time('start-period', texts.startPeriod),
    startIntervalMs: time('start-interval', texts.startInterval),
    retries: texts.retries === undefined ? undefined : parseCount(`${prefix}-retries`, texts.retries, 1),
  });
}

/** One of the three ways at most. */
function checkOf(
  prefix: string,
  { cmd, http, tcp }: { readonly [Way in 'cmd' | 'http' | 'tcp']: string | undefined },
): 'none' | Check | undefined {
  const given = Object.entries({ cmd, http, tcp }).flatMap(([way, value]) => (value === undefined ? [] : [way]));
  if (given.length > 1) throw badCheck(`${prefix}-${given[1]}`, `beside ${prefix}-${given[0]}`, 'one way to check');
  if (http !== undefined) return { http: httpOf(`${prefix}-http`, http) };
  if (tcp !== undefined) return { tcp: { port: parseCount(`${prefix}-tcp`, tcp, 1) } };
  return cmd === undefined ? undefined : commandOf(`${prefix}-cmd`, cmd);
}

/** `8080`, `8080/path`, `http://NAME:8080/path`: connected to is the container itself, whatever the name. */
function httpOf(option: string, text: string): HttpCheck {
  const [, scheme, name, named, bare, path] =
    /^(?:(https?):\/\/([^/:]*)(?::(\d{1,9}))?|:?(\d{1,9}))(\/.*)?$/.exec(text) ?? [];
  const port = named ?? bare ?? (scheme === undefined ? undefined : scheme === 'https' ? '443' : '80');
  if (port === undefined) throw badCheck(option, text, 'a port and a path: 8080/healthz, or http://NAME:8080/healthz');
  const isNamed = name !== undefined && name !== '';
  const host = isNamed ? { host: named === undefined ? name : `${name}:${named}` } : {};
  return {
    port: parseCount(option, port, 1),
    ...(path === undefined ? {} : { path }),
    ...host,
    ...(scheme === 'https' ? { scheme: 'https' as const } : {}),
  };
}

function commandOf(option: string, text: string): 'none' | { readonly command: readonly string[] } {
  if (text === 'none') return 'none';
  if (!text.trimStart().startsWith('[')) return { command: ['/bin/sh', '-c', text] };
  let words: unknown;
  try {
    words = JSON.parse(text);
  } catch {
    // `[ -f /ready ]` is a line for the shell.
    return { command: ['/bin/sh', '-c', text] };
  }
  const isList = Array.isArray(words) && words.every((word) => typeof word === 'string');
  if (!isList) throw badCheck(option, text, 'a line for the shell, or a JSON list of words');
  const [kind, ...rest] = words as readonly string[];
  if (kind === 'CMD') return { command: rest };
  return { command: kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...rest] : (words as readonly string[]) };
}
