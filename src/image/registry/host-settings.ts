import { parse, TomlError } from 'smol-toml';
import { defineErrors } from '../../model/error.ts';
import { DOCKER_HUB } from '../../model/registry-name.ts';
import { asArray, asObject, asString, type JsonObject, type Refuse } from '../json-fields.ts';
import { registryUrl } from './endpoint.ts';
import { goDurationMs } from './go-duration.ts';
import { isServedProxy } from './proxy.ts';

export const hostSettingsErrors = defineErrors('registry-hosts', {
  malformed: {
    kind: 'failed-precondition',
    message: (d: { path: string; reason: string }) => `${d.path}: ${d.reason}`,
    remedy: () => 'docs/images/registries.md tells what a hosts.toml may hold',
  },
  unreadable: {
    kind: 'failed-precondition',
    message: (d: { path: string; reason: string }) => `${d.path} cannot be read: ${d.reason}`,
  },
  noneMay: {
    kind: 'failed-precondition',
    message: (d: { registry: string; path: string; capability: string; hosts: readonly string[] }) =>
      `no host of registry ${d.registry} (${d.hosts.join(', ')}) has the capability "${d.capability}" by ${d.path}`,
    remedy: (d: { path: string; capability: string }) =>
      `add "${d.capability}" to the capabilities of one of them in ${d.path}`,
  },
  unusableFile: {
    kind: 'failed-precondition',
    message: (d: { place: string; field: string; file: string; reason: string; remedy: string }) =>
      d.file.startsWith(`${d.place}/`)
        ? `${d.file} ${d.reason}`
        : `${d.place}.${d.field} names ${d.file}, which ${d.reason}`,
    remedy: (d: { remedy: string }) => d.remedy,
  },
});

export type HostCapability = 'pull' | 'resolve' | 'push' | 'referrers';

/** How the certificate of a host is checked, and ours is shown; paths of PEM files. */
export interface TlsSettings {
  /** Where the paths are written, for errors: `/certs.d/a.example/hosts.toml: host."https://b.example"`; or the folder that has them. */
  readonly place: string;
  readonly authorityPaths: readonly string[];
  readonly clientPaths: readonly { readonly certificate: string; readonly key: string }[];
  readonly isVerified: boolean;
}

/** One host that may be asked for the images of a registry. */
export interface HostSettings {
  /** Root of its API, with a slash at its end: `https://registry.example/v2/`. */
  readonly base: URL;
  readonly capabilities: ReadonlySet<HostCapability>;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly tls: TlsSettings;
  readonly connectMs: number | undefined;
  /** The way to it; default: as the environment says. */
  readonly proxy: string | undefined;
  /** Whether it is the registry itself by its name: it alone is shown the caller's credential, and no other host is. */
  readonly isOwn: boolean;
  /** Whether it is the one behind the mirrors: it is asked last, and pushed to. */
  readonly isServer: boolean;
}

const ALL: readonly HostCapability[] = ['pull', 'resolve', 'push', 'referrers'];
const FIELDS = ['capabilities', 'ca', 'client', 'skip_verify', 'header', 'override_path', 'dial_timeout', 'proxy'];
const NO_WAY = { connectMs: undefined, proxy: undefined };
/** For a host of which nothing is said. */
export const NO_TLS: TlsSettings = { place: '', authorityPaths: [], clientPaths: [], isVerified: true };

/** The hosts of a registry about which nothing is written; where there are certificates for it, it speaks TLS. */
export function defaultHosts(registry: string, tls: TlsSettings = NO_TLS): readonly HostSettings[] {
  const speaksTls = tls.authorityPaths.length + tls.clientPaths.length > 0;
  const base = new URL('v2/', ownUrl(registry, speaksTls));
  return [{ base, capabilities: new Set(ALL), headers: {}, tls, ...NO_WAY, isOwn: true, isServer: true }];
}

/** Also one of this machine speaks TLS when something is said of its certificate. */
function ownUrl(registry: string, speaksTls: boolean): URL {
  const url = registryUrl(registry);
  return speaksTls && url.protocol === 'http:' ? new URL(`https://${registry}/`) : url;
}

/**
 * Reads a file in containerd's hosts.toml format: its hosts in the order in which they are written, then the server.
 *
 * @param place.directory what relative paths of certificates are relative to
 * @throws {EngineError} `registry-hosts.malformed`
 */
export function parseHostsFile(
  text: string,
  place: { readonly path: string; readonly directory: string; readonly registry: string },
): readonly HostSettings[] {
  const refuse: Refuse = (reason) => {
    throw hostSettingsErrors.malformed({ path: place.path, reason });
  };
  const document = parseToml(text, refuse);
  checkFields(document, ['server', 'host', ...FIELDS], 'it', refuse);
  const { server } = document;
  const own = server === undefined ? undefined : asString(server, 'server', refuse);
  const mirrors = document.host === undefined ? {} : asObject(document.host, 'host', refuse);
  const context = { ...place, refuse };
  const hosts = Object.entries(mirrors).map(([address, value]) => {
    const what = `host."${address}"`;
    const fields = asObject(value, what, refuse);
    checkFields(fields, FIELDS, what, refuse);
    return hostOf(parseAddress(address, refuse), fields, { ...context, what, isServer: false });
  });
  const speaksTls = ['ca', 'client', 'skip_verify'].some((field) => document[field] !== undefined);
  const base = own === undefined ? ownUrl(place.registry, speaksTls) : parseAddress(own, refuse);
  return [...hosts, hostOf(base, document, { ...context, what: 'server', isServer: true })];
}

interface FieldContext {
  readonly what: string;
  readonly path: string;
  readonly directory: string;
  readonly registry: string;
  readonly isServer: boolean;
  readonly refuse: Refuse;
}

function parseToml(text: string, refuse: Refuse): JsonObject {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return refuse(`it is not TOML: ${error.message.split('\n', 1)[0]} in line ${error.line}`);
  }
}

function checkFields(object: JsonObject, known: readonly string[], what: string, refuse: Refuse): void {
  const unknown = Object.keys(object).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`${what} has the field ${JSON.stringify(unknown)}, which means nothing here`);
}

function parseAddress(address: string, refuse: Refuse): URL {
  const url = URL.parse(/^[a-z]+:\/\//.test(address) ? address : `https://${address}`);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.search !== '') {
    return refuse(`${JSON.stringify(address)} is not an http or https address of a host`);
  }
  return url;
}

function hostOf(address: URL, fields: JsonObject, context: FieldContext): HostSettings {
  const { refuse, what } = context;
  const isOverridden = optionalFlag(fields.override_path, `${what}.override_path`, refuse);
  const path = address.pathname.replace(/\/+$/, '');
  const root = isOverridden || path.endsWith('/v2') ? path : `${path}/v2`;
  const base = new URL(`${root}/`, address);
  return {
    base,
    capabilities: capabilitiesOf(fields.capabilities, `${what}.capabilities`, refuse),
    headers: headersOf(fields.header, `${what}.header`, refuse),
    tls: {
      place: `${context.path}: ${what}`,
      authorityPaths: paths(fields.ca, `${what}.ca`, context),
      clientPaths: clientsOf(fields.client, `${what}.client`, context),
      isVerified: !optionalFlag(fields.skip_verify, `${what}.skip_verify`, refuse),
    },
    connectMs: connectMsOf(fields.dial_timeout, `${what}.dial_timeout`, refuse),
    proxy: fields.proxy === undefined ? undefined : proxyOf(fields.proxy, `${what}.proxy`, refuse),
    isOwn: isHostOf(address, context.registry),
    isServer: context.isServer,
  };
}

function optionalFlag(value: unknown, what: string, refuse: Refuse): boolean {
  if (value !== undefined && typeof value !== 'boolean') refuse(`${what} is neither true nor false`);
  return value === true;
}

function capabilitiesOf(value: unknown, what: string, refuse: Refuse): ReadonlySet<HostCapability> {
  const names = asArray(value ?? [], what, refuse).map((name) => asString(name, what, refuse).toLowerCase());
  // None written is all, as containerd has it.
  if (names.length === 0) return new Set(ALL);
  const unknown = names.find((name) => !ALL.includes(name as HostCapability));
  if (unknown !== undefined) refuse(`${what} names ${JSON.stringify(unknown)}, and there are ${ALL.join(', ')}`);
  return new Set(names as HostCapability[]);
}

function headersOf(value: unknown, what: string, refuse: Refuse): Readonly<Record<string, readonly string[]>> {
  if (value === undefined) return {};
  const entries = Object.entries(asObject(value, what, refuse)).map(([name, given]) => {
    const values = (Array.isArray(given) ? given : [given]).map((one) => asString(one, `${what}.${name}`, refuse));
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) refuse(`${what} has the name ${JSON.stringify(name)}`);
    if (values.some((one) => !/^[\t\x20-\x7e]*$/.test(one))) refuse(`${what}.${name} holds characters of no header`);
    return [name.toLowerCase(), values] as const;
  });
  return Object.fromEntries(entries);
}

function paths(value: unknown, what: string, { directory, refuse }: FieldContext): readonly string[] {
  if (value === undefined) return [];
  const given = Array.isArray(value) ? value : [value];
  return given.map((one) => inDirectory(asString(one, what, refuse), directory));
}

/** `"both.pem"`, `["both.pem", "other.pem"]`, or pairs `[["cert.pem", "key.pem"], ["both.pem", ""]]` (containerd's hosts.md). */
function clientsOf(value: unknown, what: string, context: FieldContext): TlsSettings['clientPaths'] {
  if (value === undefined) return [];
  const given = Array.isArray(value) ? value : [value];
  return given.map((one) => {
    const pair = Array.isArray(one) ? one : [one];
    const [certificate, key] = paths(pair, what, context);
    if (certificate === undefined || pair[0] === '' || pair.length > 2)
      return context.refuse(`${what} is no pair of certificate and key`);
    return { certificate, key: key === undefined || pair[1] === '' ? certificate : key };
  });
}

function inDirectory(path: string, directory: string): string {
  return path.startsWith('/') ? path : `${directory}/${path}`;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/** A time as Go writes it; nothing for 0, which says that there is none (containerd's hosts.md). */
function connectMsOf(value: unknown, what: string, refuse: Refuse): number | undefined {
  if (value === undefined) return undefined;
  const ms = goDurationMs(asString(value, what, refuse));
  if (ms === undefined) return refuse(`${what} ${JSON.stringify(value)} is not a time such as "3s" or "1m30s"`);
  return ms === 0 ? undefined : Math.min(Math.max(1, ms), MAX_TIMER_MS);
}

function proxyOf(value: unknown, what: string, refuse: Refuse): string {
  const proxy = asString(value, what, refuse);
  if (isServedProxy(proxy)) return proxy;
  return refuse(`${what} is no address of an http or https proxy, such as "http://proxy.example:3128"`);
}

/** Whether an address is that of the registry itself: also by plain HTTP, and with its port written or not. */
function isHostOf(address: URL, registry: string): boolean {
  const names = registry === DOCKER_HUB ? [registry, registryUrl(registry).host] : [registry];
  return names.some((name) => URL.parse(`${address.protocol}//${name}/`)?.host === address.host);
}

/**
 * What a host that is not the registry itself is told: for which one it is asked. A cache may serve several of them (`ns`, as
 * containerd has it).
 */
export function mirroredNamespace(host: HostSettings, registry: string): string | undefined {
  return host.isOwn ? undefined : registry;
}
