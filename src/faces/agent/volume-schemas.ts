import { z } from 'zod';

const path = z.string().min(1).max(4096);
const name = z.string().min(1).max(256);
const count = z.number().int().nonnegative();
const texts = z.record(z.string().min(1).max(1024), z.string().max(64 * 1024));

const placed = { containerPath: path, readOnly: z.boolean() };
const ranges = z.array(z.strictObject({ onDisk: count, seen: count, count })).max(256);
const shown = {
  ...placed,
  noexec: z.boolean().optional(),
  nosuid: z.boolean().optional(),
  chown: z.boolean().optional(),
  idMap: z.strictObject({ uids: ranges, gids: ranges }).optional(),
};
const owned = { uid: count.optional(), gid: count.optional(), mode: count.optional() };

/** As VolumeRequest in model/volume.ts. */
export const volumeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...{ kind: z.literal('host-path'), hostPath: path, ...shown },
    propagation: z.enum(['private', 'slave', 'shared']).optional(),
    recursion: z.enum(['enabled', 'disabled', 'writable', 'readonly']).optional(),
  }),
  z.strictObject({
    ...{ kind: z.literal('named'), name: name.optional(), ...shown },
    noCopy: z.boolean().optional(),
    subpath: path.optional(),
    driver: name.optional(),
    options: texts.optional(),
    labels: texts.optional(),
  }),
  z.strictObject({
    ...{ kind: z.literal('tmpfs'), ...placed, ...owned },
    sizeBytes: count.optional(),
    exec: z.boolean().optional(),
    suid: z.boolean().optional(),
    dev: z.boolean().optional(),
  }),
  z.strictObject({ kind: z.literal('image'), ...placed, reference: path, subpath: path.optional() }),
  z.strictObject({ kind: z.literal('secret'), ...placed, ...owned, secret: name }),
  z.strictObject({ kind: z.literal('sandbox'), ...placed, of: z.enum(['self', 'parent']), path }),
]);

export const volumesFromSchema = z.strictObject({ container: name, readOnly: z.boolean() });
export const secretVariableSchema = z.strictObject({ variable: name, secret: name });

/** Values in base64. They are taken out of the body before anything else sees it. */
export const secretsSchema = z.record(z.string().min(1).max(128), z.base64().max(1 << 20));

/** Body of a new volume. */
export const volumeCreateSchema = z.strictObject({
  name: name.optional(),
  driver: name.optional(),
  options: texts.optional(),
  labels: texts.optional(),
});

const labelFilters = z
  .array(
    z
      .string()
      .min(1)
      .max(64 * 1024),
  )
  .max(100)
  .optional();

export const volumePruneSchema = z.strictObject({
  /** Those with names too, not only those that were made for a container. */
  all: z.boolean().optional(),
  /** `key` or `key=value`; all must be there. */
  labels: labelFilters,
  /** None of these may be there. */
  withoutLabels: labelFilters,
});
