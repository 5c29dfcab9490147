/** A range of ids: `container` and the `count - 1` after it are `host` and those after that. */
export interface IdMapping {
  readonly container: number;
  readonly host: number;
  readonly count: number;
}

/** As /proc/PID/uid_map takes it: a line a range. */
export function mapText(ranges: readonly IdMapping[]): string {
  return ranges.map(({ container, host, count }) => `${container} ${host} ${count}\n`).join('');
}

/** What an id of the host is in the container; `undefined` when the map does not have it. */
export function containerIdOf(ranges: readonly IdMapping[], id: number): number | undefined {
  const range = ranges.find(({ host, count }) => id >= host && id - host < count);
  return range === undefined ? undefined : range.container + (id - range.host);
}

/** What an id of the container is on the host; `undefined` when the map does not have it. */
export function hostIdOf(ranges: readonly IdMapping[], id: number): number | undefined {
  const range = ranges.find(({ container, count }) => id >= container && id - container < count);
  return range === undefined ? undefined : range.host + (id - range.container);
}
