import { defineErrors } from '../../model/error.ts';
import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { LabelConfig, SeLinuxLabel } from '../../model/security-label.ts';
import type { Isolator } from '../isolator.ts';

export const linuxLabelErrors = defineErrors('linux/label', {
  noModule: {
    kind: 'failed-precondition',
    message: (d: { what: string; module: string }) =>
      `${d.what} was asked for, and ${d.module} is not active in this kernel`,
    remedy: (d: { module: string }) => `boot with ${d.module} (lsm=), or leave the option out`,
  },
  both: {
    kind: 'invalid-argument',
    message: (d: { appArmor: string; seLinux: string }) =>
      `AppArmor profile ${d.appArmor} and SELinux label ${d.seLinux} are both asked for, and a process gets one of them`,
    remedy: () => 'say apparmor=unconfined or label=disable for the other one',
  },
});

/** What the reference policy of containers calls an ordinary one (container-selinux, lxc_contexts). */
const ORDINARY: Required<SeLinuxLabel> = { user: 'system_u', role: 'system_r', type: 'container_t', level: 's0' };

/** Whether a label is wanted, rather than the lack of one. */
export function wantsLabel({ appArmor, seLinux }: LabelConfig): boolean {
  return (appArmor !== undefined && appArmor !== 'unconfined') || (seLinux !== undefined && seLinux !== 'disable');
}

/**
 * Isolator `linux/label`: the profile of AppArmor or the context of SELinux that the processes of the container get at exec.
 * A container that asks for none keeps the agent's, as a process does.
 */
export function label(): Isolator {
  return {
    name: 'linux/label',
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: ({ security }) => security.labels !== undefined || security.privileged === true,
    plan({ config, host }) {
      const { labels = {}, privileged } = config.security;
      const appArmor = labels.appArmor ?? (privileged ? 'unconfined' : undefined);
      const { seLinux } = labels;
      const profile = appArmor === 'unconfined' ? undefined : appArmor;
      const context = seLinux === undefined || seLinux === 'disable' ? undefined : contextOf(seLinux);
      if (profile !== undefined && context !== undefined) {
        throw linuxLabelErrors.both({ appArmor: profile, seLinux: context });
      }
      if (profile !== undefined) return { execLabel: appArmorLabel(profile, host.labelAttributes.appArmor) };
      if (context !== undefined) return { execLabel: seLinuxLabel(context, host.labelAttributes.seLinux) };
      // Where a module is active, who asks to be unconfined must not inherit what the agent is confined by.
      const isFreed = appArmor === 'unconfined' && host.labelAttributes.appArmor !== undefined;
      return isFreed ? { execLabel: appArmorLabel('unconfined', host.labelAttributes.appArmor) } : {};
    },
  };
}

/** The write says what it is about: `exec NAME` (AppArmor, module_policy of the kernel's lsm.c). */
function appArmorLabel(profile: string, attribute: string | undefined) {
  const what = `AppArmor profile ${profile}`;
  if (attribute === undefined) throw linuxLabelErrors.noModule({ what, module: 'apparmor' });
  return { attribute, label: `exec ${profile}` };
}

function seLinuxLabel(context: string, attribute: string | undefined) {
  if (attribute === undefined) throw linuxLabelErrors.noModule({ what: `SELinux label ${context}`, module: 'selinux' });
  return { attribute, label: context };
}

function contextOf(parts: SeLinuxLabel): string {
  const { user, role, type, level } = { ...ORDINARY, ...parts };
  return [user, role, type, level].join(':');
}
