import { EngineError } from '../../model/error.ts';
import { registryErrors } from './errors.ts';
import type { RegistrySession } from './session.ts';

/**
 * Asks for the root of a registry's API, as every client does that logs in (distribution spec, "Determining support").
 *
 * @throws {EngineError} `registry.loginRefused` (unauthenticated); `registry.loginUnused` (failed-precondition) where no host is the
 *   registry itself; unavailable when the registry is
 */
export async function checkLogin(session: RegistrySession, registry: string, signal: AbortSignal): Promise<void> {
  const hosts = await session.all();
  const own = hosts.findLast(({ settings }) => settings.isOwn);
  if (own === undefined) {
    throw registryErrors.loginUnused({ registry, hosts: hosts.map(({ name }) => name) });
  }
  const response = await own.request({ path: '', signal }).catch((error: unknown) => {
    // The token service has looked at the credential before the registry could.
    if (!(error instanceof EngineError) || error.code !== 'registry.badToken') throw error;
    throw registryErrors.loginRefused({ registry, status: 401, answer: '' }, error);
  });
  const { status } = response;
  if (status === 200) return response.discard();
  const answer = await response.excerpt();
  if (status === 401 || status === 403) throw registryErrors.loginRefused({ registry, status, answer });
  if (status === 404) {
    throw registryErrors.badAnswer({ host: own.name, what: 'API', reason: 'it speaks no version 2 of it (HTTP 404)' });
  }
  throw registryErrors.failing({ host: own.name, status, answer });
}
