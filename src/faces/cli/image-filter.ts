import { parseImageReference, shortImageReference } from '../../model/image-reference.ts';
import { cliErrors } from './errors.ts';
import type { ImageJson } from './image-commands.ts';
import { parseMoment } from './values.ts';

/** Says of an image whether it is shown, and of its names which. */
export interface ImageFilter {
  readonly image: (image: ImageJson) => boolean;
  /** Of a name that it has; `undefined` when names do not matter. */
  readonly name: ((reference: string) => boolean) | undefined;
}

interface FilterPorts {
  readonly nowMs: number;
  /** Asks for the image that `before=` or `since=` names. */
  readonly find: (text: string) => Promise<ImageJson>;
}

const WANTED =
  'dangling=true|false, reference=PATTERN, label=KEY[=VALUE], label!=KEY[=VALUE], before=IMAGE, since=IMAGE or until=TIME';

/**
 * What `images` was told to show. Filters of one kind are alternatives for `reference`, and all hold for the others, as
 * with Docker.
 *
 * @param names repositories, or patterns of them, with a tag or without
 * @throws {EngineError} `cli.badValue`
 */
export async function imageFilterOf(
  { filters, names }: { readonly filters: readonly string[]; readonly names: readonly string[] },
  ports: FilterPorts,
): Promise<ImageFilter> {
  const patterns = [...names];
  const tests: ((image: ImageJson) => boolean)[] = [];
  for (const filter of filters) {
    const [, key, sign, value = ''] = /^([a-z]+)(!?=)(.+)$/s.exec(filter) ?? [];
    if (key === 'reference' && sign === '=') patterns.push(value);
    else tests.push(await testOf(filter, { key: `${key}${sign === '!=' ? '!' : ''}`, value }, ports));
  }
  const matchers = patterns.map(nameMatcher);
  return {
    image: (image) => tests.every((test) => test(image)),
    name: matchers.length === 0 ? undefined : (reference) => matchers.some((matches) => matches(reference)),
  };
}

async function testOf(
  filter: string,
  { key, value }: { readonly key: string; readonly value: string },
  { nowMs, find }: FilterPorts,
): Promise<(image: ImageJson) => boolean> {
  switch (key) {
    case 'dangling':
      if (!['true', 'false', '1', '0'].includes(value)) break;
      return ({ references }) => (references.length === 0) === (value === 'true' || value === '1');
    case 'label':
      return (image) => hasLabel(image, value);
    case 'label!':
      return (image) => !hasLabel(image, value);
    case 'before':
    case 'since': {
      const other = createdMs(await find(value));
      return (image) => (key === 'before' ? createdMs(image) < other : createdMs(image) > other);
    }
    case 'until': {
      const untilMs = parseMoment('--filter', value, nowMs);
      return (image) => createdMs(image) < untilMs;
    }
  }
  throw cliErrors.badValue({ option: '--filter', value: filter, wanted: WANTED });
}

function hasLabel({ config }: ImageJson, wanted: string): boolean {
  const at = wanted.indexOf('=');
  const value = config?.labels?.[at < 0 ? wanted : wanted.slice(0, at)];
  return value !== undefined && (at < 0 || value === wanted.slice(at + 1));
}

/** An image that does not say when it was made is older than any. */
export function createdMs({ createdAt }: Pick<ImageJson, 'createdAt'>): number {
  const ms = createdAt === null ? Number.NaN : Date.parse(createdAt);
  return ms > 0 ? ms : Number.NEGATIVE_INFINITY;
}

/** A pattern of shells, where `*` stops at a slash; it fits the name or the repository, written out or short. */
function nameMatcher(pattern: string): (reference: string) => boolean {
  const source = pattern
    .replace(/[\\^$.+(){}|]/g, '\\$&')
    .replace(/\*+/g, '[^/]*')
    .replace(/\?/g, '[^/]')
    .replace(/\[!/g, '[^');
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${source})$`);
  } catch {
    throw cliErrors.badValue({ option: '--filter', value: `reference=${pattern}`, wanted: 'a pattern: a [ wants a ]' });
  }
  return (reference) => spellings(reference).some((text) => expression.test(text));
}

function spellings(name: string): readonly string[] {
  const reference = parseImageReference(name);
  const repository = repositoryOf(name);
  if (reference.kind !== 'registry') return [name, repository];
  const short = shortImageReference(reference);
  return [name, short, repository, repositoryOf(short)];
}

/** A stored name in its parts, as the columns of `images` have them. */
export function nameParts(name: string): { readonly repository: string; readonly tag: string } {
  const repository = repositoryOf(name);
  const rest = name.slice(repository.length);
  return { repository, tag: rest.startsWith(':') ? rest.slice(1) : '<none>' };
}

function repositoryOf(name: string): string {
  const at = name.indexOf('@');
  if (at >= 0) return name.slice(0, at);
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
