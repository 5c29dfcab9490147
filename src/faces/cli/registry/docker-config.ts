import { defineErrors } from '../../../model/error.ts';
import type { RegistryCredential } from '../../../model/registry-credential.ts';
import { DOCKER_HUB, parseRegistryName, registryHostOf } from '../../../model/registry-name.ts';

export const dockerConfigErrors = defineErrors('docker-config', {
  malformed: {
    kind: 'failed-precondition',
    message: (d: { path: string; reason: string }) => `${d.path}: ${d.reason}`,
    remedy: () => 'mend it, or name another folder with DOCKER_CONFIG',
  },
});

type JsonObject = Readonly<Record<string, unknown>>;

/** Docker's `config.json`, as far as it is about registries; what else it holds stays as it is. */
export interface DockerConfig {
  readonly document: JsonObject;
  /** Credentials by the name that clients note a registry under. */
  readonly auths: Readonly<Record<string, JsonObject>>;
  /** Helper programs by registry. */
  readonly helpers: Readonly<Record<string, string>>;
  /** The helper program of all other registries. */
  readonly store: string | undefined;
}

/** How Docker Hub is called in `config.json`, for historical reasons. */
const HUB_KEY = 'https://index.docker.io/v1/';
const HELPER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** What clients write in place of a user name when the secret is an identity token. */
export const TOKEN_USER = '<token>';

export const EMPTY_CONFIG: DockerConfig = { document: {}, auths: {}, helpers: {}, store: undefined };

/** @throws {EngineError} `docker-config.malformed` */
export function parseDockerConfig(text: string, path: string): DockerConfig {
  const refuse = (reason: string): never => {
    throw dockerConfigErrors.malformed({ path, reason });
  };
  if (text.trim() === '') return EMPTY_CONFIG;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return refuse('it is not JSON');
  }
  if (!isObject(document)) return refuse('it is not an object');
  const auths = document.auths ?? {};
  const helpers = document.credHelpers ?? {};
  const store = document.credsStore ?? '';
  if (!isObject(auths) || !Object.values(auths).every(isObject)) return refuse('auths is not an object of objects');
  if (!isObject(helpers)) return refuse('credHelpers is not an object');
  for (const name of [store, ...Object.values(helpers)]) {
    if (name !== '' && (typeof name !== 'string' || !HELPER.test(name))) {
      return refuse(`${JSON.stringify(name)} is no name of a credential helper`);
    }
  }
  return {
    document,
    auths: auths as Record<string, JsonObject>,
    helpers: helpers as Record<string, string>,
    store: store === '' ? undefined : (store as string),
  };
}

/** What Docker notes a registry under. */
export function configKey(registry: string): string {
  return registry === DOCKER_HUB ? HUB_KEY : registry;
}

/** The helper program that keeps the credentials of a registry; `undefined` when the file itself does. */
export function helperOf(config: DockerConfig, registry: string): string | undefined {
  const named = Object.entries(config.helpers).find(([key]) => isNameOf(key, registry));
  const helper = named === undefined ? config.store : named[1];
  return helper === '' ? undefined : helper;
}

/**
 * The credential in the file for a repository: what is noted for it or for a part of its path (as podman does), else for its registry.
 *
 * @throws {EngineError} `docker-config.malformed`
 */
export function storedCredential(
  config: DockerConfig,
  place: { readonly registry: string; readonly repository: string; readonly path: string },
): RegistryCredential | undefined {
  const { registry, path } = place;
  const parts = place.repository.split('/');
  for (let length = parts.length; length > 0; length -= 1) {
    const key = `${registry}/${parts.slice(0, length).join('/')}`;
    const entry = Object.hasOwn(config.auths, key) ? config.auths[key] : undefined;
    const credential = entry === undefined ? undefined : credentialOf(entry, key, path);
    if (credential !== undefined) return credential;
  }
  for (const [key, entry] of Object.entries(config.auths)) {
    const credential = isNameOf(key, registry) ? credentialOf(entry, key, path) : undefined;
    if (credential !== undefined) return credential;
  }
  return undefined;
}

/** Whether a key of `config.json` means this registry and nothing narrower: a host, or one with the path of an API. */
function isNameOf(key: string, registry: string): boolean {
  if (/^[^/]+\/./.test(key.replace(/^https?:\/\//, '').replace(/\/v[12]\/?$/, ''))) return false;
  try {
    return parseRegistryName(registryHostOf(key)) === registry;
  } catch {
    return false;
  }
}

/** The user and secret of a helper, or of a file, as what a registry is shown. */
export function credentialFrom(username: string, secret: string): RegistryCredential {
  if (username === TOKEN_USER) return { kind: 'identity-token', token: secret };
  return { kind: 'password', username, password: secret };
}

function credentialOf(entry: JsonObject, key: string, path: string): RegistryCredential | undefined {
  const { auth, identitytoken, registrytoken, username, password } = entry;
  if (typeof identitytoken === 'string' && identitytoken !== '')
    return { kind: 'identity-token', token: identitytoken };
  if (typeof registrytoken === 'string' && registrytoken !== '')
    return { kind: 'registry-token', token: registrytoken };
  if (typeof auth === 'string' && auth !== '') {
    const text = Buffer.from(auth, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon <= 0)
      throw dockerConfigErrors.malformed({ path, reason: `auth of ${JSON.stringify(key)} is no user:password` });
    return credentialFrom(text.slice(0, colon), text.slice(colon + 1).replace(/\0+$/, ''));
  }
  if (typeof username !== 'string' || typeof password !== 'string' || username === '') return undefined;
  return credentialFrom(username, password);
}

/** The file with a credential of a registry in place of what it had; of one that a helper keeps it says only that there is one. */
export function withCredential(
  config: DockerConfig,
  registry: string,
  credential:
    | { readonly username: string; readonly password: string }
    | { readonly username: string; readonly identityToken: string }
    | 'with the helper',
): string {
  const kept = Object.entries(config.auths).filter(([key]) => !isNameOf(key, registry));
  const entry = credential === 'with the helper' ? {} : entryOf(credential);
  return written({ ...config.document, auths: Object.fromEntries([...kept, [configKey(registry), entry]]) });
}

/** As Docker writes them: beside an identity token stands the user alone. */
function entryOf(
  credential:
    | { readonly username: string; readonly password: string }
    | { readonly username: string; readonly identityToken: string },
): JsonObject {
  const isToken = 'identityToken' in credential;
  const auth = Buffer.from(`${credential.username}:${isToken ? '' : credential.password}`).toString('base64');
  return isToken ? { auth, identitytoken: credential.identityToken } : { auth };
}

/** The file without what it has of a registry; `undefined` when it has nothing. */
export function withoutCredential(config: DockerConfig, registry: string): string | undefined {
  const all = Object.entries(config.auths);
  const kept = all.filter(([key]) => !isNameOf(key, registry));
  if (kept.length === all.length) return undefined;
  return written({ ...config.document, auths: Object.fromEntries(kept) });
}

/** With tabs, as Docker writes it. */
function written(document: JsonObject): string {
  return `${JSON.stringify(document, undefined, '\t')}\n`;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
