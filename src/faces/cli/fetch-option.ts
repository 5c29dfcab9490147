import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FetchRequest } from '../../model/fetch.ts';
import { cliErrors } from './errors.ts';

const FIELD = /^(output|executable|extract|cache|sha256)(?:=(.*))?$/s;
const FORM = 'URI[,output=PATH][,executable][,extract[=no]][,cache][,sha256=HEX]';

/**
 * One `--fetch`: an address and, behind commas, what is to become of it. An address may hold commas itself, so the fields
 * are those at its end. A path of ours is a file.
 *
 * @throws {EngineError} `cli.badValue` (invalid-argument)
 */
export function parseFetch(text: string, cwd: string): FetchRequest {
  const parts = text.split(',');
  const fields: { name: string; value: string | undefined }[] = [];
  for (
    let field = FIELD.exec(parts.at(-1) ?? '');
    field !== null && parts.length > 1;
    field = FIELD.exec(parts.at(-1) ?? '')
  ) {
    fields.unshift({ name: field[1] ?? '', value: field[2] });
    parts.pop();
  }
  const request: { -readonly [Name in keyof FetchRequest]: FetchRequest[Name] } = { uri: asUri(parts.join(','), cwd) };
  for (const { name, value } of fields) {
    if (name === 'output') request.output = wanted(text, value);
    else if (name === 'sha256') request.digest = `sha256:${wanted(text, value).replace(/^sha256:/, '')}`;
    else request[name as 'executable' | 'extract' | 'cache'] = isYes(text, value);
  }
  return request;
}

function asUri(text: string, cwd: string): string {
  return text.startsWith('/') || text.startsWith('./') || text.startsWith('../')
    ? pathToFileURL(resolve(cwd, text)).href
    : text;
}

function wanted(text: string, value: string | undefined): string {
  if (value === undefined || value === '') throw cliErrors.badValue({ option: '--fetch', value: text, wanted: FORM });
  return value;
}

function isYes(text: string, value: string | undefined): boolean {
  if (value === undefined || value === 'yes' || value === 'true') return true;
  if (value === 'no' || value === 'false') return false;
  throw cliErrors.badValue({ option: '--fetch', value: text, wanted: FORM });
}
