import { isIP } from 'node:net';
import { defineErrors } from '../../model/error.ts';
import { withoutPassword } from './network-errors.ts';

export const proxyErrors = defineErrors('registry-proxy', {
  notServed: {
    kind: 'failed-precondition',
    message: (d: { variable: string; proxy: string }) =>
      `${d.variable} is ${d.proxy}, and only proxies at http:// and https:// are asked`,
    remedy: (d: { variable: string }) =>
      `have ${d.variable} of the agent's environment name an http proxy, or exempt the host in NO_PROXY, and start the agent anew`,
  },
});

/** The proxies of this process, as the usual variables name them. */
export interface ProxySettings {
  readonly http: string | undefined;
  readonly https: string | undefined;
  /** Hosts that are asked directly: names, `.suffix`, addresses, `host:port`, `10.0.0.0/8`, `*`. */
  readonly direct: readonly string[];
}

/** Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY; the lower-case spelling counts first, as for curl. */
export function proxySettings(env: Readonly<Record<string, string | undefined>>): ProxySettings {
  const value = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  const direct = (value('NO_PROXY') ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  return { http: asUrl(value('HTTP_PROXY')), https: asUrl(value('HTTPS_PROXY')), direct };
}

/** One for everything, whatever the environment says. */
export function onlyProxy(proxy: string): ProxySettings {
  return { http: proxy, https: proxy, direct: [] };
}

/** `proxy:3128` means a plain one. */
function asUrl(text: string | undefined): string | undefined {
  return text === undefined || /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
}

/** Whether an address is that of a proxy that we can ask. */
export function isServedProxy(text: string): boolean {
  return ['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '');
}

/**
 * The proxy that leads to a URL; `undefined` when it is asked directly. This machine is never asked through one.
 *
 * @throws {EngineError} `registry-proxy.notServed` (failed-precondition) for one of another kind, socks for example
 */
export function proxyFor(url: URL, settings: ProxySettings): string | undefined {
  const proxy = url.protocol === 'https:' ? settings.https : settings.http;
  if (proxy === undefined) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))) return undefined;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  if (settings.direct.some((entry) => matches(entry.toLowerCase(), host, port))) return undefined;
  if (isServedProxy(proxy)) return proxy;
  const variable = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  throw proxyErrors.notServed({ variable, proxy: withoutPassword(proxy) });
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const withPort = /^(.+):(\d+)$/.exec(entry);
  if (withPort?.[1] !== undefined && isIP(entry) === 0) {
    return withPort[2] === port && matches(withPort[1].replace(/^\[|\]$/g, ''), host, port);
  }
  const network = /^(\d+\.\d+\.\d+\.\d+)\/(\d{1,2})$/.exec(entry);
  if (network?.[1] !== undefined) return isIP(host) === 4 && inNetwork(host, network[1], Number(network[2]));
  const name = entry.replace(/^\*?\./, '');
  return host === name || host.endsWith(`.${name}`);
}

function inNetwork(address: string, network: string, bits: number): boolean {
  const number = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Math.min(bits, 32));
  return Math.floor(number(address) / size) === Math.floor(number(network) / size);
}
