import { type CapabilityConfig, type CapabilityRequest, parseCapabilities } from './capability-config.ts';
import { defineErrors } from './error.ts';
import { type HiddenPathsConfig, type HiddenPathsRequest, parseHiddenPaths } from './hidden-paths-config.ts';
import { type LabelConfig, type LabelRequest, parseLabels } from './security-label.ts';

export const securityErrors = defineErrors('security', {
  profileTooLong: {
    kind: 'invalid-argument',
    message: (d: { profile: string; bytes: number; most: number }) =>
      `seccomp profile ${d.profile} takes ${d.bytes} bytes, and at most ${d.most} are allowed`,
    remedy: () => 'name each call once; a profile that allows everything takes a line',
  },
});

/** Longest profile that is read; Docker's own takes 13 KiB. */
export const MAX_PROFILE_BYTES = 256 * 1024;
const MAX_PROFILE_NAME_BYTES = 4096;

/** Which system calls a container may make. */
export type SeccompChoice =
  /** The engine's own profile, whatever the agent's is. */
  | { readonly kind: 'builtin' }
  | { readonly kind: 'unconfined' }
  /** A profile in Docker's JSON format; `name` is where it was read, for people. */
  | { readonly kind: 'profile'; readonly name: string; readonly content: string };

/** What a container may do, beyond what its isolators decide by themselves. */
export interface SecurityConfig {
  /** Missing: the profile of the agent. */
  readonly seccomp?: SeccompChoice;
  /** Missing: what the agent grants. */
  readonly capabilities?: CapabilityConfig;
  /** Missing: on, unless privileged. */
  readonly noNewPrivileges?: boolean;
  /** Missing: no label of its own. */
  readonly labels?: LabelConfig;
  readonly hiddenPaths?: HiddenPathsConfig;
  /**
   * A preset of isolators: each takes what restricts least where the container does not say otherwise. All capabilities that the
   * agent gives out, no filter of system calls, exec may gain rights, nothing hidden or read-only, all devices.
   */
  readonly privileged?: true;
}

export interface SecurityRequest {
  readonly seccomp?: SeccompChoice | undefined;
  readonly capabilities?: CapabilityRequest | undefined;
  readonly noNewPrivileges?: boolean | undefined;
  readonly labels?: LabelRequest | undefined;
  readonly hiddenPaths?: HiddenPathsRequest | undefined;
  readonly privileged?: boolean | undefined;
}

/**
 * Fills in nothing, for a missing field means the agent's choice.
 *
 * @throws {EngineError} `security.*`, `capabilities.*`, `labels.*`, `hidden-paths.*` (invalid-argument)
 */
export function completeSecurity(request: SecurityRequest): SecurityConfig {
  const { seccomp, capabilities, noNewPrivileges, labels, hiddenPaths, privileged } = request;
  return {
    ...(seccomp !== undefined && { seccomp: checkSeccomp(seccomp) }),
    ...(capabilities !== undefined && { capabilities: parseCapabilities(capabilities) }),
    ...(noNewPrivileges !== undefined && { noNewPrivileges }),
    ...(labels !== undefined && { labels: parseLabels(labels) }),
    ...(hiddenPaths !== undefined && { hiddenPaths: parseHiddenPaths(hiddenPaths) }),
    ...(privileged === true && { privileged }),
  };
}

/** What a profile says is found out by the isolator that compiles it. @throws {EngineError} `security.profileTooLong` */
function checkSeccomp(choice: SeccompChoice): SeccompChoice {
  if (choice.kind !== 'profile') return { kind: choice.kind };
  const { name, content } = choice;
  const bytes = Buffer.byteLength(content);
  if (bytes > MAX_PROFILE_BYTES) {
    throw securityErrors.profileTooLong({ profile: name, bytes, most: MAX_PROFILE_BYTES });
  }
  return { kind: 'profile', name: name.slice(0, MAX_PROFILE_NAME_BYTES), content };
}
