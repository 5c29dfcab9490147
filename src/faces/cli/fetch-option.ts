import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FetchRequest } from '../../model/fetch.ts';
import { cliErrors } from './errors.ts';

const FORM = 'URI[,output=PATH][,executable][,extract[=no]][,cache][,sha256=HEX]';

/**
 * One `--fetch`: an address and, behind commas, what is to become of it. A comma of the address itself is written `%2C`, so that
 * a field which is none is never taken for a part of it. A path of ours is a file.
 *
 * @throws {EngineError} `cli.badValue`, `cli.fetchField` (invalid-argument)
 */
export function parseFetch(text: string, cwd: string): FetchRequest {
  const [address = '', ...fields] = text.split(',');
  const request: { -readonly [Name in keyof FetchRequest]: FetchRequest[Name] } = { uri: asUri(address, cwd) };
  const said = new Set<string>();
  for (const field of fields) {
    const [name = ''] = field.split('=', 1);
    const value = field === name ? undefined : field.slice(name.length + 1);
    if (said.has(name)) throw cliErrors.fetchField({ value: text, field: name, reason: 'is given twice' });
    said.add(name);
    switch (name) {
      case 'output':
        request.output = wanted(text, value);
        break;
      case 'sha256':
        request.digest = `sha256:${wanted(text, value).replace(/^sha256:/, '')}`;
        break;
      case 'executable':
      case 'extract':
      case 'cache':
        request[name] = isYes(text, value);
        break;
      default:
        throw cliErrors.fetchField({ value: text, field: name, reason: 'is no field of it' });
    }
  }
  return request;
}

/** In the URL of a web or of a file `%2C` stands for a comma anyhow. */
function asUri(text: string, cwd: string): string {
  const bare = text.replaceAll(/%2c/gi, ',');
  if (/^(?:\/|\.\/|\.\.\/)/.test(text)) return pathToFileURL(resolve(cwd, bare)).href;
  return text.startsWith('image:') ? bare : text;
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
