import type { RegistryCredential } from '../../model/registry-credential.ts';
import { type JsonObject, parseJsonObject, type Refuse } from '../json-fields.ts';
import type { Challenge } from './challenge.ts';
import { followedUrl } from './endpoint.ts';
import { registryErrors } from './errors.ts';
import type { RegistryResponse } from './response.ts';
import type { RegistryTransport } from './transport.ts';

const MAX_TOKEN_ANSWER_BYTES = 1 << 20;
const MAX_TOKEN_CHARACTERS = 64 * 1024;
const CLIENT = 'isopod';
/** What a token counts that does not say how long it does (distribution spec, token authentication). */
const DEFAULT_LIFETIME_S = 60;
/** It is replaced a little before its end: it has to arrive while it counts. */
const EARLY_MS = 5_000;

export interface AccessToken {
  /** The value of the Authorization header. */
  readonly authorization: string;
  readonly lifetimeMs: number;
}

/** The value of an Authorization header for a user and a password (RFC 7617). */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * Gets a token from the service that a registry's challenge names: without a credential for everybody, with a password by HTTP
 * basic, with an identity token as an OAuth2 refresh token (distribution spec, token and OAuth2 authentication).
 *
 * @param registry the address that answered 401
 * @throws {EngineError} `registry.badToken` (permission-denied); unavailable when the service is
 */
export async function fetchToken(
  transport: RegistryTransport,
  registry: URL,
  options: {
    readonly challenge: Challenge;
    readonly scope: string;
    readonly credential: RegistryCredential | undefined;
    /** Asks for a token that may stand for the password from then on, and is told it where there is one. */
    readonly onIdentityToken?: ((token: string) => void) | undefined;
    readonly signal: AbortSignal;
  },
): Promise<AccessToken> {
  const { challenge } = options;
  const realm = challenge.parameters.get('realm');
  if (realm === undefined) throw registryErrors.badToken({ host: registry.host, service: 'a challenge without realm' });
  const url = followedUrl(registry, realm);
  const response = await ask(transport, url, options);
  if (response.status !== 200) {
    response.discard();
    if (response.status >= 500) throw registryErrors.failing({ host: url.host, status: response.status, answer: '' });
    throw registryErrors.badToken({ host: registry.host, service: url.host });
  }
  const refuse: Refuse = () => {
    throw registryErrors.badToken({ host: registry.host, service: url.host });
  };
  const answer = parseJsonObject(await response.bytes('token', MAX_TOKEN_ANSWER_BYTES), refuse);
  const { refresh_token: identityToken } = answer;
  if (isToken(identityToken)) options.onIdentityToken?.(identityToken);
  return parseToken(answer, refuse);
}

async function ask(
  transport: RegistryTransport,
  url: URL,
  options: Parameters<typeof fetchToken>[2],
): Promise<RegistryResponse> {
  const { challenge, credential, signal, onIdentityToken } = options;
  const service = challenge.parameters.get('service');
  // The scope that is asked for contains what the challenge names, and what later requests of this operation need.
  const scopes = [...new Set([challenge.parameters.get('scope') ?? '', ...options.scope.split(' ')])].filter(Boolean);
  if (credential?.kind === 'identity-token') {
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT });
    if (service !== undefined) form.set('service', service);
    if (scopes.length > 0) form.set('scope', scopes.join(' '));
    form.set('refresh_token', credential.token);
    const bytes = Buffer.from(form.toString());
    const body = { sizeBytes: bytes.length, content: () => once(bytes) };
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return await transport.send({ method: 'POST', url, headers, body, signal });
  }
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  if (credential?.kind !== 'password') return await transport.send({ url, signal });
  const { username, password } = credential;
  url.searchParams.set('account', username);
  url.searchParams.set('client_id', CLIENT);
  if (onIdentityToken !== undefined) url.searchParams.set('offline_token', 'true');
  return await transport.send({ url, signal, authorization: basicAuthorization(username, password) });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TOKEN_CHARACTERS && /^[\x21-\x7e]+$/.test(value);
}

function parseToken(answer: JsonObject, refuse: Refuse): AccessToken {
  const { token, access_token: accessToken, expires_in: expiresIn } = answer;
  const text = typeof token === 'string' && token !== '' ? token : accessToken;
  if (!isToken(text)) return refuse('no token');
  const lifetimeS = typeof expiresIn === 'number' && expiresIn > 0 ? expiresIn : DEFAULT_LIFETIME_S;
  return { authorization: `Bearer ${text}`, lifetimeMs: lifetimeS * 1000 - EARLY_MS };
}
