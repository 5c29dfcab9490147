import { dirname, join } from 'node:path';
import { systemErrorCode } from '../../model/error.ts';
import type { TrustVerdict } from '../../model/trust-verdict.ts';
import { checkTrust, type TrustPorts } from './check-trust.ts';
import { trustErrors } from './errors.ts';
import type { ImageTrust, TrustCandidate } from './image-trust.ts';
import { ACCEPT_ALL, type TrustPolicy } from './policy.ts';
import { parsePolicy } from './policy-document.ts';
import { readBounded } from './policy-files.ts';
import { checkKeys } from './trusted-keys.ts';

/** Where the policy is looked for when nobody says. */
const DEFAULT_TRUST_POLICY = '/etc/isopod/policy.json';

const MAX_POLICY_BYTES = 1 << 20;

/**
 * The trust policy of an agent. The file is read for each image, so that a change counts from the next pull on, and one
 * that cannot be understood lets nothing in.
 */
export class TrustFile implements ImageTrust {
  readonly #ports: TrustPorts;
  readonly #path: string;
  /** Once there was a policy, its absence is no permission. */
  #isRequired: boolean;

  /** @param path of a file that must be there; without it the default file counts where there is one */
  constructor(ports: TrustPorts, path: string | undefined) {
    this.#path = path ?? DEFAULT_TRUST_POLICY;
    // As /etc/containers has both.
    this.#ports = { ...ports, registriesDirectory: join(dirname(this.#path), 'registries.d') };
    this.#isRequired = path !== undefined;
  }

  /** Reads the policy and all its keys. @throws {EngineError} failed-precondition: `trust.malformedPolicy`, `.unreadablePolicy`, `.unusableKey` */
  async open(): Promise<void> {
    await checkKeys(this.#ports.files, await this.#read());
  }

  async check(candidate: TrustCandidate): Promise<TrustVerdict> {
    return await checkTrust(this.#ports, await this.#read(), candidate);
  }

  async #read(): Promise<TrustPolicy> {
    const path = this.#path;
    let bytes: Uint8Array;
    try {
      bytes = await readBounded(this.#ports.files, path, MAX_POLICY_BYTES);
    } catch (error) {
      if (!this.#isRequired && systemErrorCode(error) === 'ENOENT') return ACCEPT_ALL;
      throw trustErrors.unreadablePolicy({ path, reason: (error as Error).message }, error);
    }
    this.#isRequired = true;
    return parsePolicy(bytes, (reason) => {
      throw trustErrors.malformedPolicy({ path, reason });
    });
  }
}
