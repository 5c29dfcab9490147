import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { ROLES } from '../../../model/access.ts';

const ID_BYTES = 4;
/** Nobody guesses so many, so a fast hash is enough, and needs no salt. */
const SECRET_BYTES = 32;
const TOKEN = /^isopod_([0-9a-f]{8})_([A-Za-z0-9_-]{43})$/;
const MOST_NAME_BYTES = 256;

export const scopeSchema = z.strictObject({
  labels: z.record(z.string().min(1).max(1024), z.string().max(64 * 1024)).optional(),
  container: z.string().min(1).max(256).optional(),
});

/** A token as it is kept: what is sent cannot be made from it. */
export const storedTokenSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  name: z.string().min(1).max(MOST_NAME_BYTES),
  /** SHA-256 of the whole token, in hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  role: z.enum(ROLES),
  scope: scopeSchema.optional(),
  createdAtMs: z.number().int(),
  /** Missing: until it is revoked. */
  expiresAtMs: z.number().int().optional(),
});

export const tokenFileSchema = z.strictObject({ schemaVersion: z.literal(1), tokens: z.array(storedTokenSchema) });

export type StoredToken = z.output<typeof storedTokenSchema>;

/** A new token: its public part, and all of it. */
export function newToken(bytes: (count: number) => Uint8Array): { readonly id: string; readonly text: string } {
  const id = Buffer.from(bytes(ID_BYTES)).toString('hex');
  return { id, text: `isopod_${id}_${Buffer.from(bytes(SECRET_BYTES)).toString('base64url')}` };
}

/** @returns the public part of what may be a token */
export function tokenId(text: string): string | undefined {
  return TOKEN.exec(text)?.[1];
}

export function tokenHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Takes as long for any two. */
export function isSameHash(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one, 'hex'), Buffer.from(other, 'hex'));
}
