import type { Digest } from '../../model/digest.ts';
import type { EngineError } from '../../model/error.ts';
import { isTruncated } from '../layer-stream.ts';
import { type HostFailure, sentBy, withEarlier } from './failures.ts';
import type { HostClient } from './host-client.ts';

/** One reading of a blob: who may be asked for it, who was, and what came of it. */
export interface BlobReading {
  readonly hosts: readonly HostClient[];
  /** Who has sent some of it, each once in a row. */
  readonly senders: HostClient[];
  /** Who has failed before or meanwhile. */
  readonly failures: HostFailure[];
}

/** Remembers who sent the blobs of an image, so that who sent wrong bytes is not asked for them again. */
export class BlobSenders {
  readonly #readings = new Map<Digest, BlobReading>();
  readonly #distrusted = new Map<Digest, readonly HostFailure[]>();

  /** Begins to read a blob from those hosts that have not sent it wrong. */
  begin(digest: Digest, hosts: readonly HostClient[]): BlobReading {
    const failures = [...(this.#distrusted.get(digest) ?? [])];
    const trusted = hosts.filter((host) => failures.every((failure) => failure.host !== host));
    const reading = { hosts: trusted, senders: [], failures };
    this.#readings.set(digest, reading);
    return reading;
  }

  /**
   * Leaves who has sent a blob wrong. Of several who have sent a part each the last one is asked for all of it.
   *
   * @returns whom to ask now, and who was left for it; else the error to throw
   */
  distrust(
    digest: Digest,
    error: EngineError,
    chances: 'all' | 'one',
  ): { readonly next: HostClient; readonly left: readonly HostFailure[] } | EngineError {
    const reading = this.#readings.get(digest);
    if (reading === undefined) return error;
    const { senders, hosts, failures } = reading;
    const told = sentBy(error, senders);
    // Of what ended early all of them were asked for the rest.
    if (isTruncated(error) || chances === 'one') return withEarlier(told, failures);
    const blamed = senders.length > 1 ? senders.slice(0, -1) : senders;
    const last = senders.at(-1);
    const from = last === undefined ? hosts.length : hosts.indexOf(last) + (senders.length > 1 ? 0 : 1);
    const next = hosts[from];
    if (next === undefined) return withEarlier(told, failures);
    const left = blamed.map((host) => ({ host, error: told }));
    this.#distrusted.set(digest, [...failures, ...left]);
    return { next, left };
  }
}
