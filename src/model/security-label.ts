import { defineErrors } from './error.ts';

/** An SELinux context in parts; a missing one is that of ordinary containers. */
export interface SeLinuxLabel {
  readonly user?: string;
  readonly role?: string;
  readonly type?: string;
  readonly level?: string;
}

/** What a Linux security module is to confine the processes of a container by. */
export interface LabelConfig {
  /** Profile of AppArmor; `unconfined` is none. */
  readonly appArmor?: string;
  /** Context of SELinux; `disable` is none. */
  readonly seLinux?: SeLinuxLabel | 'disable';
}

export type LabelRequest = {
  readonly appArmor?: string | undefined;
  readonly seLinux?: { readonly [Part in keyof SeLinuxLabel]?: string | undefined } | 'disable' | undefined;
};

export const labelErrors = defineErrors('labels', {
  malformedProfile: {
    kind: 'invalid-argument',
    message: (d: { profile: string }) => `AppArmor profile ${JSON.stringify(d.profile)} is not a name`,
    remedy: () => 'give the name under which it is loaded, or unconfined',
  },
  malformedPart: {
    kind: 'invalid-argument',
    message: (d: { part: string; value: string }) =>
      `SELinux ${d.part} ${JSON.stringify(d.value)} has a character that a context has no place for`,
  },
  noPart: {
    kind: 'invalid-argument',
    message: () => 'an SELinux label was asked for without any part of it',
    remedy: () => 'name a type, level, user or role, or disable',
  },
});

/** The kernel takes one page at most; what follows `exec ` must not end the name early. */
const PROFILE = /^[^\s\p{Cc}]\P{Cc}{0,1023}$/u;
const PARTS = {
  user: /^\w[\w.-]{0,127}$/,
  role: /^\w[\w.-]{0,127}$/,
  type: /^\w[\w.-]{0,127}$/,
  level: /^\w[\w.,:-]{0,255}$/,
} as const;

/** @throws {EngineError} `labels.*` (invalid-argument) */
export function parseLabels({ appArmor, seLinux }: LabelRequest): LabelConfig {
  if (appArmor !== undefined && !PROFILE.test(appArmor)) throw labelErrors.malformedProfile({ profile: appArmor });
  return {
    ...(appArmor !== undefined && { appArmor }),
    ...(seLinux !== undefined && { seLinux: seLinux === 'disable' ? seLinux : parseParts(seLinux) }),
  };
}

function parseParts(request: Exclude<LabelRequest['seLinux'], 'disable' | undefined>): SeLinuxLabel {
  const entries = Object.entries(request).filter(
    (entry): entry is [keyof typeof PARTS, string] => entry[1] !== undefined,
  );
  if (entries.length === 0) throw labelErrors.noPart();
  for (const [part, value] of entries) {
    if (!PARTS[part].test(value)) throw labelErrors.malformedPart({ part, value });
  }
  return Object.fromEntries(entries);
}
