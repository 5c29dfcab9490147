import { z } from 'zod';
import { HOOK_POINTS } from '../../model/hooks.ts';
import { MAX_PROFILE_BYTES } from '../../model/security-config.ts';

const names = z.array(z.string().max(64)).max(1024).optional();
const paths = z.array(z.string().min(1).max(4096)).max(10_000).optional();
const part = z.string().max(1024).optional();

/** As SecurityConfig in model/security-config.ts. */
export const securitySchema = z.strictObject({
  seccomp: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('builtin') }),
      z.strictObject({ kind: z.literal('unconfined') }),
      z.strictObject({
        kind: z.literal('profile'),
        name: z.string().min(1).max(4096),
        // The model says the bound in bytes.
        content: z.string().max(MAX_PROFILE_BYTES),
      }),
    ])
    .optional(),
  capabilities: z
    .strictObject({
      ...{ add: names, drop: names, bounding: names },
      ...{ permitted: names, effective: names, inheritable: names, ambient: names },
    })
    .optional(),
  noNewPrivileges: z.boolean().optional(),
  privileged: z.boolean().optional(),
  hiddenPaths: z.strictObject({ mask: paths, unmask: z.union([z.literal('all'), paths]) }).optional(),
  labels: z
    .strictObject({
      appArmor: part,
      seLinux: z
        .union([z.literal('disable'), z.strictObject({ user: part, role: part, type: part, level: part })])
        .optional(),
    })
    .optional(),
});

const hook = z.strictObject({
  path: z.string().max(4096),
  args: z.array(z.string()).max(1000).optional(),
  env: z.array(z.string()).max(1000).optional(),
  timeout: z.number().optional(),
});

/** The field `hooks` of a container: as `hooks` of an OCI config.json. */
export const hooksSchema = z.partialRecord(z.enum(HOOK_POINTS), z.array(hook).max(1000));
