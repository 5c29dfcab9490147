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

/** Content of `cpu.pressure`, `memory.pressure` or `io.pressure`; `undefined` for any other text. */
export function parsePressure(text: string): ResourcePressure | undefined {
  // Without regular expressions: a thousand containers have three of these each.
  const [first = '', second = ''] = text.split('\n', 2);
  const [some, full] = [timesOf('some', first), timesOf('full', second)];
  if (some === undefined) return undefined;
  return full === undefined ? { some } : { some, full };
}

const WORDS = 5;

function timesOf(kind: PressureKind, line: string): PressureTimes | undefined {
  const words = line.split(' ');
  if (words[0] !== kind || words.length !== WORDS) return undefined;
  const percent10s = figureOf('avg10=', words[1]);
  const percent60s = figureOf('avg60=', words[2]);
  const percent300s = figureOf('avg300=', words[3]);
  const totalUs = figureOf('total=', words[4]);
  const isWhole = !Number.isNaN(percent10s + percent60s + percent300s + totalUs);
  return isWhole ? { percent10s, percent60s, percent300s, totalUs } : undefined;
}

/** `avg10=0.00` → 0; NaN for anything else. */
function figureOf(prefix: string, word = ''): number {
  return word.length > prefix.length && word.startsWith(prefix) ? Number(word.slice(prefix.length)) : Number.NaN;
}
