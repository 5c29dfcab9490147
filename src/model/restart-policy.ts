import { defineErrors } from './error.ts';

/** Whether a container is started again when it has ended, as of `docker run --restart`. */
export type RestartPolicy =
  | { readonly kind: 'no' | 'always' | 'unless-stopped' }
  /** After a bad end alone, `maximum` times at most. */
  | { readonly kind: 'on-failure'; readonly maximum?: number | undefined };

export const RESTART_KINDS = ['no', 'always', 'unless-stopped', 'on-failure'] as const;

export const restartPolicyErrors = defineErrors('restart-policy', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { text: string }) =>
      `restart policy ${JSON.stringify(d.text)} is none of no, always, unless-stopped and on-failure[:MAXIMUM]`,
  },
  badMaximum: {
    kind: 'invalid-argument',
    message: (d: { maximum: number }) => `${d.maximum} restarts at most are no whole number of at least 1`,
    remedy: () => 'leave the maximum out for none',
  },
  removedWithEnd: {
    kind: 'invalid-argument',
    message: (d: { policy: string }) =>
      `the container is to be removed with its end (--rm), and to be started again then (--restart ${d.policy})`,
    remedy: () => 'leave one of them out',
  },
  nested: {
    kind: 'invalid-argument',
    message: (d: { policy: string; parent: string }) =>
      `the container is to live in ${d.parent}, and to be started again (--restart ${d.policy})`,
    remedy: () => 'give the policy to the outermost container; whatever runs there may look after what lives in it',
  },
  secrets: {
    kind: 'invalid-argument',
    message: (d: { policy: string; secret: string }) =>
      `the container is to be started again (--restart ${d.policy}), and its secret ${d.secret} is known only while it is launched`,
    remedy: () => 'give the secret by a volume that only root may read, or leave --restart to whoever has the secret',
  },
});

/** As users write it: `on-failure:3`. @throws {EngineError} `restart-policy.*` (invalid-argument) */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [, kind = '', digits] = /^([a-z-]+)(?::(\d{1,9}))?$/.exec(text) ?? [];
  const known = RESTART_KINDS.find((one) => one === kind);
  if (known === undefined || (digits !== undefined && known !== 'on-failure')) {
    throw restartPolicyErrors.malformed({ text });
  }
  if (known !== 'on-failure') return { kind: known };
  // As docker has it: none at all is no maximum.
  return digits === undefined || Number(digits) === 0 ? { kind: known } : { kind: known, maximum: Number(digits) };
}

export function restartPolicyText(policy: RestartPolicy | undefined): string {
  if (policy === undefined) return 'no';
  if (policy.kind !== 'on-failure' || policy.maximum === undefined) return policy.kind;
  return `on-failure:${policy.maximum}`;
}

/**
 * How a config has it: without a policy, which is `no`, there is no field.
 *
 * @throws {EngineError} `restart-policy.badMaximum`
 */
export function completeRestartPolicy(policy: RestartPolicy | undefined): RestartPolicy | undefined {
  if (policy === undefined || policy.kind === 'no') return undefined;
  if (policy.kind !== 'on-failure' || policy.maximum === undefined) return { kind: policy.kind };
  const { maximum } = policy;
  if (!Number.isSafeInteger(maximum) || maximum < 1) throw restartPolicyErrors.badMaximum({ maximum });
  return { kind: policy.kind, maximum };
}

/** Whether a container can be started again at all. @throws {EngineError} `restart-policy.removedWithEnd`, `.secrets` */
export function checkRestartable(
  policy: RestartPolicy | undefined,
  config: {
    readonly autoRemove: boolean;
    readonly parent: string | undefined;
    readonly secrets: readonly string[];
  },
): void {
  if (policy === undefined || policy.kind === 'no') return;
  const text = restartPolicyText(policy);
  if (config.autoRemove) throw restartPolicyErrors.removedWithEnd({ policy: text });
  if (config.parent !== undefined) throw restartPolicyErrors.nested({ policy: text, parent: config.parent });
  const [secret] = config.secrets;
  if (secret !== undefined) throw restartPolicyErrors.secrets({ policy: text, secret });
}
