import { createHash } from 'node:crypto';
import type { ContainerConfig } from '../model/container-config.ts';
import { type ContainerUid, parseContainerUid } from '../model/container-id.ts';
import { differingFields } from './config-difference.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { Launched } from './facade.ts';
import type { EngineHost } from './host.ts';
import type { Started } from './life-facade.ts';
import { completed } from './nested.ts';
import { findMark, REPEATED_WITHIN_MS } from './request-mark.ts';

const UID_DIGITS = 12;

/**
 * The uid of what a request with this key makes. An engine that knows nothing of the request, for it has followed a killed one, finds by it
 * what that one has made. Pure.
 */
export function uidOfKey(key: string): ContainerUid {
  return parseContainerUid(createHash('sha256').update(key).digest('hex').slice(0, UID_DIGITS));
}

/**
 * The container that an earlier engine has launched for this very request.
 *
 * @param forget removes one that never ran: the earlier engine died before its start, and its monitor gave it up
 * @returns `undefined` where the request is a new one, or has come to nothing
 * @throws {EngineError} `engine.launchedBefore` (failed-precondition): it was, and has ended
 */
export async function launchedBefore(
  host: EngineHost,
  { asked, key }: { readonly asked: ContainerConfig; readonly key: string | undefined },
  forget: (container: Container) => Promise<void>,
): Promise<Launched | undefined> {
  if (key === undefined) return undefined;
  const uid = uidOfKey(key);
  if (host.registry.endOf(uid) !== undefined) throw engineErrors.launchedBefore({ uid });
  const found = host.registry.find(uid);
  if (found?.uid !== uid || !isSameRequest(host, found, asked)) return undefined;
  await found.launched;
  if (hasNeverRun(found)) {
    await forget(found);
    return undefined;
  }
  const status = found.status();
  if (!found.config.owned) return { status, stream: undefined, timings: [], warnings: [] };
  if (found.link === undefined || found.termination !== undefined) throw engineErrors.launchedBefore({ uid });
  return { status, stream: await found.link.grant('owner'), timings: [], warnings: [] };
}

/**
 * The life of a container that an earlier engine has begun for this very request: nothing is done for it again.
 *
 * @returns `undefined` where the request is a new one, or what was begun for it never ran
 * @throws {EngineError} `engine.launchedBefore` (failed-precondition): it has ended, and with it the streams that the caller was to own
 */
export async function begunBefore(
  host: EngineHost,
  container: Container,
  { key, owned }: { readonly key: string | undefined; readonly owned: boolean },
): Promise<Started | undefined> {
  const { uid, link, termination, begunFor } = container;
  const place = findMark(begunFor, key, host.effects.clock.nowMs());
  if (place < 0) return undefined;
  // A life that was begun for a later request is none of this one's.
  const isLast = place === begunFor.length - 1;
  if (isLast && hasNeverRun(container)) return undefined;
  if (!owned || !isLast) return { status: container.status(), stream: undefined };
  if (link === undefined || termination !== undefined) throw engineErrors.launchedBefore({ uid });
  return { status: container.status(), stream: await link.grant('owner') };
}

/** Its launch was refused, or the engine that launched it died before its start, and its monitor gave it up. */
function hasNeverRun({ termination, startedAtMs }: Container): boolean {
  return termination?.reason === 'launch-failed' || (termination?.reason === 'lost' && startedAtMs === undefined);
}

/** Whether what was made by a key was made moments ago. */
export function isRecent(host: EngineHost, atMs: number): boolean {
  return host.effects.clock.nowMs() - atMs < REPEATED_WITHIN_MS;
}

/** A name that was left to us is no difference. */
function isSameRequest(host: EngineHost, { created, createdAtMs }: Container, asked: ContainerConfig): boolean {
  if (!isRecent(host, createdAtMs)) return false;
  const { config } = completed(host, asked);
  const fields = differingFields(created, { ...config, name: config.name === '' ? created.name : config.name });
  return fields.length === 0;
}
