/** Time that was lost to waiting for one resource, by some or by all who could have run (accounting/psi.rst). */
export interface PressureTimes {
  /** Share of the last 10, 60 and 300 seconds, 0 to 100. */
  readonly percent10s: number;
  readonly percent60s: number;
  readonly percent300s: number;
  /** Microseconds in all. */
  readonly totalUs: number;
}

export interface ResourcePressure {
  readonly some: PressureTimes;
  /** Missing for cpu before Linux 5.13. */
  readonly full?: PressureTimes;
}

export const PRESSURE_RESOURCES = ['cpu', 'memory', 'io'] as const;
export type PressureResource = (typeof PRESSURE_RESOURCES)[number];

export type PressureKind = 'some' | 'full';

/** Tells as soon as some or all processes have waited `stallUs` within a moving window; once in a window at most. */
export interface PressureTrigger {
  readonly resource: PressureResource;
  readonly kind: PressureKind;
  readonly stallUs: number;
  /** 500000 to 10000000 (kernel/sched/psi.c, WINDOW_MIN_US and WINDOW_MAX_US). */
  readonly windowUs: number;
}

/** As it is written to the file (accounting/psi.rst). */
export function triggerText({ kind, stallUs, windowUs }: PressureTrigger): string {
  return `${kind} ${stallUs} ${windowUs}`;
}

/** File of a v2 group; it is there without any controller, unless the kernel has no PSI or it is switched off. */
export function pressureFile(resource: PressureResource): string {
  return `${resource}.pressure`;
}

const LINES = ['some', 'full'].map(
  (kind) => new RegExp(`^${kind} avg10=([\\d.]+) avg60=([\\d.]+) avg300=([\\d.]+) total=(\\d+)$`, 'm'),
);

/** Content of `cpu.pressure`, `memory.pressure` or `io.pressure`; `undefined` for any other text. */
export function parsePressure(text: string): ResourcePressure | undefined {
  const [some, full] = LINES.map((line) => timesOf(line.exec(text)));
  if (some === undefined) return undefined;
  return full === undefined ? { some } : { some, full };
}

function timesOf(match: RegExpExecArray | null): PressureTimes | undefined {
  if (match === null) return undefined;
  const [, percent10s, percent60s, percent300s, totalUs] = match;
  return {
    percent10s: Number(percent10s),
    percent60s: Number(percent60s),
    percent300s: Number(percent300s),
    totalUs: Number(totalUs),
  };
}
