import { z } from 'zod';

const container = z.string().max(256);
const id = z.number().int().nonnegative();
const ranges = z.array(z.strictObject({ container: id, host: id, count: id })).max(1024);
const own = z.strictObject({ kind: z.literal('private') });
const host = z.strictObject({ kind: z.literal('host') });
const joined = z.strictObject({ kind: z.literal('container'), container });
const parents = z.strictObject({ kind: z.literal('parent') });
const nanoseconds = z.number().int();

/** Field `namespaces` of a container: as NamespaceConfig in model/namespace-config.ts, which has the closer bounds. */
export const namespacesSchema = z.strictObject({
  user: z
    .discriminatedUnion('kind', [
      host,
      z.strictObject({ kind: z.literal('auto'), count: id }),
      z.strictObject({ kind: z.literal('map'), uids: ranges, gids: ranges }),
    ])
    .optional(),
  pid: z.discriminatedUnion('kind', [own, host, joined, parents]).optional(),
  ipc: z
    .discriminatedUnion('kind', [
      own,
      host,
      joined,
      parents,
      z.strictObject({ kind: z.literal('shareable') }),
      z.strictObject({ kind: z.literal('none') }),
    ])
    .optional(),
  shmBytes: id.optional(),
  uts: z.discriminatedUnion('kind', [own, host, parents]).optional(),
  cgroup: z.discriminatedUnion('kind', [own, host]).optional(),
  networkOf: container.optional(),
  time: z.strictObject({ monotonicNs: nanoseconds, boottimeNs: nanoseconds }).optional(),
});
