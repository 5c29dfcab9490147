import type { MonitorLink } from '../launcher/launcher.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { isAlive } from './state.ts';

/**
 * The link to the monitor of a container that has a process.
 *
 * @param wanted what it is wanted for, for the error
 * @throws {EngineError} `engine.notRunning` (failed-precondition)
 */
export function liveLink({ link, state, uid }: Container, wanted: string): MonitorLink {
  if (link === undefined || !isAlive(state)) throw engineErrors.notRunning({ uid, state, wanted });
  return link;
}

/** A ticket for a further observer, and what its streams are. @throws {EngineError} `engine.notRunning` */
export async function attachTo(container: Container) {
  const { terminal, stdin } = container.config;
  return { ...(await liveLink(container, 'attach').grant('observer')), terminal, stdin };
}
