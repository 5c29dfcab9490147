import { present } from '../../model/container-request.ts';
import type { SecretVariable, VolumeRequest } from '../../model/volume.ts';
import { cliErrors } from './errors.ts';
import { parseCount } from './values.ts';
import { type OptionField, parseFields, parseMode, required } from './volume-fields.ts';

const OPTION = '--secret';

/** Reads what the user may read: a file, or a variable of ours. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (option: string, path: string) => Uint8Array;
}

/** One `--secret`: its value, and where the container finds it. */
export interface ParsedSecret {
  readonly name: string;
  /** Base64, as the body of a launch has it. */
  readonly value: string;
  readonly volume?: VolumeRequest;
  readonly variable?: SecretVariable;
}

/**
 * `--secret NAME[,source=FILE|env=VARIABLE][,target=PATH][,uid=…][,gid=…][,mode=…]` puts a file at `/run/secrets/NAME`,
 * `--secret NAME,type=env[,target=VARIABLE]` sets a variable. Without a source the value is our variable of that name.
 *
 * @throws {EngineError} `cli.badValue`, `cli.mountField`, `cli.unreadableFile`
 */
export function parseSecret(text: string, sources: SecretSources): ParsedSecret {
  const [first, ...fields] = parseFields(OPTION, text);
  if (first === undefined || first.value !== undefined) {
    throw cliErrors.badValue({ option: OPTION, value: text, wanted: 'NAME[,source=FILE|env=VARIABLE][,…]' });
  }
  const name = first.key;
  const said = new Map(fields.map((field) => [field.key, required(OPTION, field)]));
  const type = said.get('type') ?? 'mount';
  if (type !== 'mount' && type !== 'env') {
    throw cliErrors.badValue({ option: '--secret type', value: type, wanted: 'mount or env' });
  }
  const allowed = ['type', 'source', 'env', 'target', ...(type === 'mount' ? ['uid', 'gid', 'mode'] : [])];
  refuseOthers(fields, allowed, type);
  const value = Buffer.from(secretText(name, said, sources)).toString('base64');
  const target = said.get('target');
  if (type === 'env') return { name, value, variable: { variable: target ?? name, secret: name } };
  const number = (key: string): number | undefined => {
    const written = said.get(key);
    return written === undefined ? undefined : parseCount(`--secret ${key}`, written);
  };
  const mode = said.get('mode');
  const volume: VolumeRequest = {
    kind: 'secret',
    ...{ secret: name, readOnly: true, containerPath: placeOf(target ?? name) },
    ...present({ uid: number('uid'), gid: number('gid') }),
    ...present({ mode: mode === undefined ? undefined : parseMode('--secret mode', mode) }),
  };
  return { name, value, volume };
}

function placeOf(target: string): string {
  return target.startsWith('/') ? target : `/run/secrets/${target}`;
}

function refuseOthers(fields: readonly OptionField[], allowed: readonly string[], type: string): void {
  const other = fields.find(({ key }) => !allowed.includes(key));
  if (other !== undefined) throw cliErrors.mountField({ field: other.key, type: `secret as ${type}` });
}

function secretText(
  name: string,
  said: ReadonlyMap<string, string>,
  { env, readFile }: SecretSources,
): string | Uint8Array {
  const [path, variable] = [said.get('source'), said.get('env')];
  if (path !== undefined && variable !== undefined) {
    throw cliErrors.badValue({ option: OPTION, value: name, wanted: 'given by source= or env=, not both' });
  }
  if (path !== undefined) return readFile(OPTION, path);
  const value = env[variable ?? name];
  if (value !== undefined) return value;
  const wanted = `set: there is no variable ${variable ?? name} here, and no source=FILE was given`;
  throw cliErrors.badValue({ option: OPTION, value: name, wanted });
}
