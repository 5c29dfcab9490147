import { posix } from 'node:path';
import { defineErrors } from '../../model/error.ts';
import type { JsonObject } from '../json-fields.ts';
import { healthcheckOf } from './healthcheck.ts';
import { expanded, splitWords, type WordsOptions } from './words.ts';

export const instructionErrors = defineErrors('image-instruction', {
  unknown: {
    kind: 'invalid-argument',
    message: (d: { line: string; name: string; known: readonly string[] }) =>
      `${JSON.stringify(d.line)} begins with ${d.name}, which changes no config: ${d.known.join(', ')} do`,
  },
  malformed: {
    kind: 'invalid-argument',
    message: (d: { line: string; reason: string }) => `${JSON.stringify(d.line)} is no change of a config: ${d.reason}`,
  },
});

/** The instruction of a Dockerfile that a change is written as. */
interface Instruction {
  /** All behind its name. */
  readonly rest: string;
  readonly words: WordsOptions;
}

type Apply = (config: JsonObject, instruction: Instruction) => JsonObject;

const MAX_PORT = 65_535;
const INSTRUCTIONS: Readonly<Record<string, Apply>> = {
  CMD: (config, { rest, words }) => ({ ...config, Cmd: command(rest, words) }),
  ENTRYPOINT: (config, { rest, words }) => ({ ...config, Entrypoint: command(rest, words) }),
  ENV: (config, instruction) => ({ ...config, Env: environment(config, pairs(instruction)) }),
  EXPOSE: (config, { rest, words }) => ({
    ...config,
    ExposedPorts: {
      ...objectOf(config.ExposedPorts),
      ...named(splitWords(rest, words).flatMap((text) => ports(text, words))),
    },
  }),
  LABEL: (config, instruction) => ({
    ...config,
    Labels: { ...objectOf(config.Labels), ...Object.fromEntries(pairs(instruction)) },
  }),
  ONBUILD: (config, { rest }) => ({ ...config, OnBuild: [...listOf(config.OnBuild), rest] }),
  USER: (config, { rest, words }) => ({ ...config, User: oneWord(rest, words) }),
  VOLUME: (config, { rest, words }) => ({
    ...config,
    Volumes: { ...objectOf(config.Volumes), ...named(stringList(rest) ?? splitWords(rest, words)) },
  }),
  WORKDIR: (config, { rest, words }) => ({
    ...config,
    WorkingDir: posix.resolve('/', textOf(config.WorkingDir), expanded(rest, words)),
  }),
  STOPSIGNAL: (config, { rest, words }) => ({ ...config, StopSignal: signal(oneWord(rest, words), words) }),
  HEALTHCHECK: (config, { rest, words }) => ({ ...config, Healthcheck: healthcheckOf(rest, words, stringList) }),
};

/**
 * The config of an image (`config` of its document) changed by lines such as `ENV A=b` or `CMD ["sh"]`, one after the
 * other. An entrypoint takes the image's command away, unless one of the lines gives another. Pure.
 *
 * @throws {EngineError} `image-instruction.*` (invalid-argument)
 */
export function changedConfig(config: JsonObject, lines: readonly string[]): JsonObject {
  const names = lines.map((line) => nameOf(line));
  let changed = config;
  if (names.includes('ENTRYPOINT') && !names.includes('CMD')) {
    const { Cmd: _, ...others } = changed;
    changed = others;
  }
  for (const [index, line] of lines.entries()) {
    const name = names[index] ?? '';
    const apply = Object.hasOwn(INSTRUCTIONS, name) ? INSTRUCTIONS[name] : undefined;
    if (apply === undefined) throw instructionErrors.unknown({ line, name, known: Object.keys(INSTRUCTIONS) });
    const refuse = (reason: string): never => {
      throw instructionErrors.malformed({ line, reason });
    };
    const rest = line.trim().slice(name.length).trim();
    if (rest === '') refuse('nothing follows');
    changed = apply(changed, { rest, words: { variables: variablesOf(changed), refuse } });
  }
  return changed;
}

/** Variables put into those of a config: a name that is there keeps its place. */
export function environment(config: JsonObject, pairs: readonly (readonly [string, string])[]): readonly string[] {
  const variables = new Map(listOf(config.Env).map((text) => [text.split('=', 1)[0] ?? '', text]));
  for (const [name, value] of pairs) variables.set(name, `${name}=${value}`);
  return [...variables.values()];
}

function nameOf(line: string): string {
  return (/^\s*(\S*)/.exec(line)?.[1] ?? '').toUpperCase();
}

function variablesOf(config: JsonObject): ReadonlyMap<string, string> {
  return new Map(
    listOf(config.Env).map((text) => {
      const [name = ''] = text.split('=', 1);
      return [name, text.slice(name.length + 1)];
    }),
  );
}

/** A list in JSON is the words themselves; all else is for a shell. */
function command(rest: string, _: WordsOptions): readonly string[] {
  return stringList(rest) ?? ['/bin/sh', '-c', rest];
}

function stringList(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((word) => typeof word === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

/** `NAME=value NAME2="a value"`, or the older `NAME all of the rest`. */
function pairs({ rest, words }: Instruction): readonly (readonly [string, string])[] {
  const first = /^\S+/.exec(rest)?.[0] ?? '';
  if (!first.includes('=')) {
    const value = rest.slice(first.length).trim();
    if (value === '') words.refuse(`${first} has no value`);
    return [[expanded(first, words), expanded(value, words)]];
  }
  return splitWords(rest, words).map((word) => {
    const [name = ''] = word.split('=', 1);
    if (name === '' || name.length === word.length) words.refuse(`${JSON.stringify(word)} is not NAME=VALUE`);
    return [name, word.slice(name.length + 1)] as const;
  });
}

/** `80`, `80/udp`, `8000-8010/tcp` → `80/tcp` … */
function ports(text: string, { refuse }: WordsOptions): readonly string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  if (match === null) refuse(`${JSON.stringify(text)} is no port such as 80 or 80/udp`);
  const [, low, high = low, protocol = 'tcp'] = match as RegExpExecArray;
  const [first, last] = [Number(low), Number(high)];
  if (first < 1 || last > MAX_PORT || last < first) refuse(`ports go from 1 to ${MAX_PORT}, and ${text} does not`);
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol.toLowerCase()}`);
}

function oneWord(rest: string, words: WordsOptions): string {
  const [word = '', ...others] = splitWords(rest, words);
  if (word === '' || others.length > 0) words.refuse('one word is needed');
  return word;
}

function signal(text: string, { refuse }: WordsOptions): string {
  return /^(?:\d{1,2}|(?:SIG)?[A-Z]+[0-9]*(?:[+-]\d{1,2})?)$/i.test(text) ? text : refuse(`${text} is no signal`);
}

const named = (names: readonly string[]): JsonObject => Object.fromEntries(names.map((name) => [name, {}]));

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
