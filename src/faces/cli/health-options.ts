import { type Command, Option } from 'commander';
import { present } from '../../model/container-request.ts';
import { HEALTH_ACTIONS, type HealthAction } from '../../model/health.ts';
import { cliErrors } from './errors.ts';
import { parseCount, parseDuration } from './values.ts';

/** Options of `run` and `explain` about the health of a container, as docker and podman have them. */
export interface HealthOptions {
  readonly healthCmd?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthStartPeriod?: string;
  readonly healthStartInterval?: string;
  readonly healthRetries?: string;
  readonly healthOnFailure?: HealthAction;
  /** commander's name for `--no-healthcheck` left out. */
  readonly healthcheck?: boolean;
}

export function addHealthOptions(command: Command): Command {
  return command
    .option('--health-cmd <command>', 'checks its health: a line for its shell, or a JSON list of words')
    .option('--health-interval <time>', 'between two checks: 30s')
    .option('--health-timeout <time>', 'how long a check may take: 30s')
    .option('--health-start-period <time>', 'how long after its start no failure counts')
    .option('--health-start-interval <time>', 'between two checks of that time: 5s')
    .option('--health-retries <count>', 'failures in a row that make it unhealthy: 3')
    .addOption(
      new Option('--health-on-failure <action>', 'what is done when it becomes unhealthy').choices(HEALTH_ACTIONS),
    )
    .option('--no-healthcheck', 'no check, whatever its image says');
}

/** The field `health` of a request. @throws {EngineError} `cli.badValue` (invalid-argument) */
export function healthOf(options: HealthOptions): Readonly<Record<string, unknown>> | undefined {
  const time = (name: string, value: string | undefined): number | undefined =>
    value === undefined ? undefined : parseDuration(name, value);
  const health = present({
    check: checkOf(options),
    intervalMs: time('--health-interval', options.healthInterval),
    timeoutMs: time('--health-timeout', options.healthTimeout),
    startPeriodMs: time('--health-start-period', options.healthStartPeriod),
    startIntervalMs: time('--health-start-interval', options.healthStartInterval),
    retries: options.healthRetries === undefined ? undefined : parseCount('--health-retries', options.healthRetries, 1),
    onFailure: options.healthOnFailure,
  });
  if (health.check === 'none' && Object.keys(health).length > 1) {
    const value = 'with another option of the health check';
    throw cliErrors.badValue({ option: '--no-healthcheck', value, wanted: 'no check, or one' });
  }
  return Object.keys(health).length === 0 ? undefined : health;
}

function checkOf({ healthCmd, healthcheck }: HealthOptions): unknown {
  if (healthcheck === false) return 'none';
  if (healthCmd === undefined) return undefined;
  if (healthCmd === 'none') return 'none';
  if (!healthCmd.trimStart().startsWith('[')) return { command: ['/bin/sh', '-c', healthCmd] };
  const wanted = 'a line for the shell, or a JSON list of words';
  let words: unknown;
  try {
    words = JSON.parse(healthCmd);
  } catch {
    // `[ -f /ready ]` is a line for the shell.
    return { command: ['/bin/sh', '-c', healthCmd] };
  }
  const isList = Array.isArray(words) && words.every((word) => typeof word === 'string');
  if (!isList) throw cliErrors.badValue({ option: '--health-cmd', value: healthCmd, wanted });
  const [kind, ...rest] = words as readonly string[];
  if (kind === 'CMD') return { command: rest };
  return { command: kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...rest] : words };
}
