import { systemErrorCode } from '../../model/error.ts';
import type { Challenge } from './challenge.ts';
import { followedUrl } from './endpoint.ts';
import { registryErrors } from './errors.ts';
import type { RegistryTransport } from './transport.ts';

const MAX_TOKEN_ANSWER_BYTES = 1 << 20;
const MAX_TOKEN_CHARACTERS = 64 * 1024;

/**
 * Gets an anonymous token from the service that a registry's challenge names (distribution spec, token authentication).
 *
 * @param registry the address that answered 401
 * @returns the value of the Authorization header
 * @throws {EngineError} `registry.badToken` (permission-denied); unavailable when the service is
 */
export async function fetchToken(
  transport: RegistryTransport,
  registry: URL,
  options: { readonly challenge: Challenge; readonly scope: string; readonly signal: AbortSignal },
): Promise<string> {
  const { challenge, signal } = options;
  const realm = challenge.parameters.get('realm');
  if (realm === undefined) throw registryErrors.badToken({ host: registry.host, service: 'a challenge without realm' });
  const url = followedUrl(registry, realm);
  const service = challenge.parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', challenge.parameters.get('scope') ?? options.scope);
  const response = await transport.get({ url, signal });
  if (response.status !== 200) {
    response.discard();
    if (response.status >= 500) throw registryErrors.failing({ host: url.host, status: response.status, answer: '' });
    throw registryErrors.badToken({ host: registry.host, service: url.host });
  }
  const token = parseToken(await response.bytes('token', MAX_TOKEN_ANSWER_BYTES));
  if (token === undefined) throw registryErrors.badToken({ host: registry.host, service: url.host });
  return `Bearer ${token}`;
}

function parseToken(bytes: Uint8Array): string | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError && systemErrorCode(error) === undefined) return undefined;
    throw error;
  }
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { token, access_token: accessToken } = answer as Record<string, unknown>;
  const text = typeof token === 'string' && token !== '' ? token : accessToken;
  if (typeof text !== 'string' || text.length > MAX_TOKEN_CHARACTERS) return undefined;
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}
