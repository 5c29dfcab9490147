import type { IdMap, IdRange } from '../../model/volume.ts';
import { cliErrors } from './errors.ts';

/** One `key=value` of an option; a bare `key` has no value. */
export interface OptionField {
  readonly key: string;
  readonly value: string | undefined;
}

/**
 * `type=bind,source=/a,readonly` → its fields, as Docker reads them: comma-separated, one in double quotes may hold
 * commas, a doubled quote in it is a quote (RFC 4180).
 *
 * @throws {EngineError} `cli.badValue`
 */
export function parseFields(option: string, text: string): readonly OptionField[] {
  return splitFields(option, text).map((part) => {
    const at = part.indexOf('=');
    const key = at < 0 ? part : part.slice(0, at);
    if (key === '') throw cliErrors.badValue({ option, value: text, wanted: 'key=value pairs joined by commas' });
    return { key, value: at < 0 ? undefined : part.slice(at + 1) };
  });
}

function splitFields(option: string, text: string): readonly string[] {
  const fields: string[] = [];
  let rest = text;
  while (rest !== '') {
    const match = /^(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/.exec(rest);
    if (match === null) throw cliErrors.badValue({ option, value: text, wanted: 'fields with closed quotes' });
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    rest = rest.slice(match[0].length);
    if (match[3] === ',' && rest === '') fields.push('');
  }
  return fields;
}

/** A switch: bare, or with a truth value as Docker takes them. @throws {EngineError} `cli.badValue` */
export function parseSwitch(option: string, { key, value }: OptionField): boolean {
  if (value === undefined || ['1', 'true'].includes(value.toLowerCase())) return true;
  if (['0', 'false'].includes(value.toLowerCase())) return false;
  throw cliErrors.badValue({ option: `${option} ${key}`, value, wanted: 'true or false' });
}

/** The value that a field must have. @throws {EngineError} `cli.badValue` */
export function required(option: string, { key, value }: OptionField): string {
  if (value === undefined || value === '') {
    throw cliErrors.badValue({ option, value: key, wanted: `a field with a value: ${key}=…` });
  }
  return value;
}

/** `1777`, `0700`: octal, as chmod(1) takes it. @throws {EngineError} `cli.badValue` */
export function parseMode(option: string, value: string): number {
  if (!/^[0-7]{1,5}$/.test(value))
    throw cliErrors.badValue({ option, value, wanted: 'octal permission bits such as 0755' });
  return Number.parseInt(value, 8);
}

/** `uids=0-100000-65536;gids=0-100000-65536`, several ranges joined by `#`. @throws {EngineError} `cli.badValue` */
export function parseIdMap(option: string, value: string): IdMap {
  const match = /^uids=([\d#-]+);gids=([\d#-]+)$/.exec(value);
  const [uids, gids] = [match?.[1], match?.[2]].map((ranges) => ranges?.split('#').map(parseRange));
  if (uids === undefined || gids === undefined || [...uids, ...gids].includes(undefined)) {
    const wanted = 'uids=ON_DISK-SEEN-COUNT;gids=ON_DISK-SEEN-COUNT, further ranges after #';
    throw cliErrors.badValue({ option, value, wanted });
  }
  return { uids: uids as readonly IdRange[], gids: gids as readonly IdRange[] };
}

function parseRange(text: string): IdRange | undefined {
  const match = /^(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(text);
  if (match === null) return undefined;
  return { onDisk: Number(match[1]), seen: Number(match[2]), count: Number(match[3]) };
}
