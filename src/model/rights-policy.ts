/** What whoever runs the agent has decided about the rights of every container. */
export interface RightsPolicy {
  /** Capabilities that a container may have at most; missing: all that the engine has. */
  readonly mostCapabilities?: readonly string[];
  /** Capabilities of a container that asks for none; missing: the nine defaults, as far as `mostCapabilities` has them. */
  readonly usualCapabilities?: readonly string[];
  /** No container goes without no_new_privs. */
  readonly forceNoNewPrivileges?: boolean;
}
