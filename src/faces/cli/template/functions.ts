import { templateErrors } from './parse-template.ts';

type Function = (name: string, values: readonly unknown[]) => unknown;

/** Those of Go's text/template and of `docker --format` that say something about JSON. */
export const FUNCTIONS: ReadonlyMap<string, Function> = new Map<string, Function>([
  ['json', (name, values) => JSON.stringify(only(name, values)) ?? 'null'],
  ['len', (name, values) => lengthOf(name, only(name, values))],
  ['index', (name, [value, ...keys]) => keys.reduce((at, key) => itemOf(name, at, key), value)],
  ['join', (name, [list, between]) => listOf(name, list).map(goText).join(textOf(name, between))],
  ['split', (name, [text, between]) => textOf(name, text).split(textOf(name, between))],
  ['upper', (name, values) => textOf(name, only(name, values)).toUpperCase()],
  ['lower', (name, values) => textOf(name, only(name, values)).toLowerCase()],
  ['print', (_name, values) => values.map(goText).join('')],
  ['println', (_name, values) => `${values.map(goText).join(' ')}\n`],
  ['eq', (_name, [first, ...others]) => others.some((other) => other === first)],
  ['ne', (_name, [first, second]) => first !== second],
  ['not', (name, values) => !isTrue(only(name, values))],
  ['and', (_name, values) => values.find((value) => !isTrue(value)) ?? values.at(-1)],
  ['or', (_name, values) => values.find(isTrue) ?? values.at(-1)],
]);

/** Go's truth: nothing, false, 0 and what is empty are not. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isObject(value)) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== '';
}

/** As Go prints it: `[a b]` for a list, `map[key:value]` for an object. */
export function goText(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isObject(value)) return String(value);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `map[${entries.map(([key, inner]) => `${key}:${goText(inner)}`).join(' ')}]`;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function only(name: string, values: readonly unknown[]): unknown {
  if (values.length !== 1) throw wrong(name, 'one value', `${values.length}`);
  return values[0];
}

function lengthOf(name: string, value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  if (isObject(value)) return Object.keys(value).length;
  throw wrong(name, 'a text, a list or an object', goText(value));
}

function itemOf(name: string, of: unknown, key: unknown): unknown {
  if (Array.isArray(of)) {
    if (typeof key === 'number' && Number.isInteger(key) && key >= 0 && key < of.length) return of[key];
    throw wrong(name, `a position below ${of.length}`, goText(key));
  }
  if (isObject(of)) return Object.hasOwn(of, String(key)) ? of[String(key)] : undefined;
  throw wrong(name, 'a list or an object', goText(of));
}

function listOf(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(name, 'a list', goText(value));
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw wrong(name, 'a text', goText(value));
}

function wrong(name: string, wanted: string, value: string): Error {
  return templateErrors.wrongValue({ name, wanted, value });
}
