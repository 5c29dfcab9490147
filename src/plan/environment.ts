/** The search path of a container whose image names none; Docker's and Podman's default. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The name of a `NAME=value` entry. */
export function variableName(entry: string): string {
  const equals = entry.indexOf('=');
  return equals === -1 ? entry : entry.slice(0, equals);
}

/**
 * Lays environments over one another: a name keeps its first place and takes its last value, so that the result does
 * not depend on how often it was said. A name without `=` takes the variable away that a layer before it has.
 */
export function overlayEnvironment(...layers: readonly (readonly string[])[]): readonly string[] {
  const entries = new Map<string, string>();
  for (const entry of layers.flat()) {
    if (entry.includes('=')) entries.set(variableName(entry), entry);
    else entries.delete(entry);
  }
  return [...entries.values()];
}

export interface ProcessSurroundings {
  readonly terminal: boolean;
  /** The container's own, when it has one. */
  readonly hostname?: string | undefined;
}

/** What every process has unless an isolator or the caller says otherwise, as Docker sets it. */
export function baseEnvironment({ terminal, hostname }: ProcessSurroundings): readonly string[] {
  return [
    `PATH=${DEFAULT_PATH}`,
    ...(hostname === undefined ? [] : [`HOSTNAME=${hostname}`]),
    ...(terminal ? ['TERM=xterm'] : []),
  ];
}
