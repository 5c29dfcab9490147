import type { ContainerStatus, StreamTicket } from './container-status.ts';

export const WAIT_CONDITIONS = ['running', 'ready', 'healthy'] as const;

/** `ready`: as its readiness says, and without any as soon as it runs. */
export type WaitCondition = (typeof WAIT_CONDITIONS)[number];

/** A container that somebody has started. */
export interface Started {
  readonly status: ContainerStatus;
  /** Present when it was asked for and this call has started it. */
  readonly stream: StreamTicket | undefined;
}

/** Lives after the first, and waiting for how one goes. */
export interface LifeOperations {
  /**
   * Starts a container that has ended: the same uid, config, files and volumes. One that runs is left as it is, and has no stream.
   *
   * @param how.owned its output waits for whoever presents the ticket
   * @param how.requestKey names the request: one that comes again, also to the engine after a killed one, is answered with the life
   *   that was begun for it
   * @throws failed-precondition for one that is removed with its end, lives in another one or needs secrets, and for one that is paused
   */
  start(id: string, how?: { readonly owned?: boolean; readonly requestKey?: string | undefined }): Promise<Started>;
  /** As `stop`, unless it has ended, and then as `start`. */
  restart(id: string, graceMs?: number, how?: { readonly requestKey?: string | undefined }): Promise<Started>;
  /**
   * Resolves once the container is as wanted.
   *
   * @throws failed-precondition when it never will be: it has ended and nothing starts it again, or nothing is checked of it
   */
  waitFor(id: string, condition: WaitCondition, signal?: AbortSignal): Promise<void>;
}
