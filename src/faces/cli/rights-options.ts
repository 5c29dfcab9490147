import type { Command } from 'commander';
import type { CapabilityConfig } from '../../model/capability-config.ts';
import { present } from '../../model/container-request.ts';
import type { RightsPolicy } from '../../model/rights-policy.ts';
import { repeatable } from './runner.ts';
import { parseNames } from './values.ts';

/** Options of `run` and `explain` that say what rights the processes of a container have. */
export interface RightsOptions {
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly capAmbient?: readonly string[];
  readonly privileged?: boolean;
}

export function addRightsOptions(command: Command): Command {
  return command
    .option(
      '--security-opt <name=value>',
      'seccomp=PROFILE.json|builtin|unconfined, no-new-privileges=false, apparmor=PROFILE, label=type:TYPE|disable, mask=/PATH, unmask=/PATH|ALL; may be repeated',
      repeatable,
    )
    .option(
      '--hook <point=file>',
      'a program at a hook point of the OCI: createRuntime=HOOK.json; may be repeated',
      repeatable,
    )
    .option('--cap-add <capability>', 'a capability more: NET_ADMIN, or ALL; may be repeated', repeatable)
    .option('--privileged', 'all that the agent may give: capabilities, devices, any system call; nothing hidden')
    .option('--cap-drop <capability>', 'a capability less: CHOWN, or ALL; may be repeated', repeatable)
    .option(
      '--cap-ambient <capability>',
      'one that a user other than root keeps over exec; may be repeated',
      repeatable,
    );
}

/** `undefined` when nothing was said. @throws {EngineError} `cli.badValue` */
export function capabilitiesOf({ capAdd, capDrop, capAmbient }: RightsOptions): CapabilityConfig | undefined {
  const names = (option: string, values: readonly string[] | undefined) =>
    values?.flatMap((value) => parseNames(option, value));
  const config = present({
    add: names('--cap-add', capAdd),
    drop: names('--cap-drop', capDrop),
    ambient: names('--cap-ambient', capAmbient),
  });
  return Object.keys(config).length === 0 ? undefined : config;
}

/** Options of `agent` about the rights of every container. */
export interface RightsFlags {
  readonly boundingCapabilities?: string;
  readonly effectiveCapabilities?: string;
  readonly forceNoNewPrivileges?: boolean;
}

export function addRightsFlags(command: Command): Command {
  return command
    .option(
      '--bounding-capabilities <names>',
      'what containers may have at most, joined by commas, "" for none; all that the agent has otherwise',
    )
    .option('--effective-capabilities <names>', 'what containers get that ask for none; nine usual ones otherwise')
    .option('--force-no-new-privileges', 'refuse containers that want to do without no_new_privs');
}

/** @throws {EngineError} `cli.badValue` */
export function rightsPolicyOf(flags: RightsFlags): RightsPolicy {
  const { boundingCapabilities: most, effectiveCapabilities: usual, forceNoNewPrivileges } = flags;
  return present({
    mostCapabilities: most === undefined ? undefined : parseNames('--bounding-capabilities', most),
    usualCapabilities: usual === undefined ? undefined : parseNames('--effective-capabilities', usual),
    forceNoNewPrivileges,
  });
}
