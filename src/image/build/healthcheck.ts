import type { JsonObject } from '../json-fields.ts';
import { splitWords, type WordsOptions } from './words.ts';

const NS_PER_S = 1e9;
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: NS_PER_S,
  m: 60 * NS_PER_S,
  h: 3600 * NS_PER_S,
};
const TIMES: Readonly<Record<string, string>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
};

/**
 * What the instruction HEALTHCHECK makes of a config (moby image spec v1.2, "Healthcheck"; times in nanoseconds):
 * `--interval=30s --retries=3 CMD curl localhost`, or `NONE`.
 *
 * @param list reads a list in JSON, `undefined` for what is none
 */
export function healthcheckOf(
  text: string,
  words: WordsOptions,
  list: (text: string) => readonly string[] | undefined,
): JsonObject {
  const { refuse } = words;
  let rest = text;
  const health: Record<string, unknown> = {};
  for (;;) {
    const [whole, option = '', value = ''] = /^--([a-z-]+)=(\S+)\s*/.exec(rest) ?? [];
    if (whole === undefined) break;
    const field = TIMES[option];
    if (field !== undefined) health[field] = nanoseconds(value, refuse);
    else if (option === 'retries') health.Retries = count(value, refuse);
    else refuse(`--${option} is no option of HEALTHCHECK`);
    rest = rest.slice(whole.length);
  }
  const kind = /^\S+/.exec(rest)?.[0] ?? '';
  const command = rest.slice(kind.length).trim();
  if (kind.toUpperCase() === 'NONE') {
    if (command !== '' || Object.keys(health).length > 0) refuse('NONE stands alone');
    return { Test: ['NONE'] };
  }
  if (kind.toUpperCase() !== 'CMD') refuse(`CMD or NONE follows the options, and not ${JSON.stringify(kind)}`);
  if (splitWords(command, words).length === 0) refuse('CMD has no command');
  const exact = list(command);
  return { Test: exact === undefined ? ['CMD-SHELL', command] : ['CMD', ...exact], ...health };
}

/** As Go writes durations: `1m30s`, `500ms`. */
function nanoseconds(text: string, refuse: (reason: string) => never): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (text !== '0' && (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text)) {
    refuse(`${text} is no time such as 30s or 1m30s`);
  }
  return Math.round(parts.reduce((sum, [, value, unit]) => sum + Number(value) * (UNITS[unit ?? ''] ?? 0), 0));
}

function count(text: string, refuse: (reason: string) => never): number {
  if (!/^\d{1,9}$/.test(text)) refuse(`--retries is a number, and not ${text}`);
  return Number(text);
}
