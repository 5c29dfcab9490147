import { z } from 'zod';

const MAX_SECRET = 64 * 1024;

const secret = z.string().min(1).max(MAX_SECRET);
/** Where a Docker engine is that a caller means: read by the agent, on its own machine. */
export const dockerHostSchema = z.strictObject({
  host: z.string().min(1).max(4096).optional().describe('unix:///PATH or tcp://HOST:PORT'),
  certificates: z
    .string()
    .regex(/^\//, 'is no absolute path')
    .max(4096)
    .optional()
    .describe('directory of ca.pem, cert.pem and key.pem; with it TCP is TLS'),
});
export const registryName = z.string().min(1).max(4096);

/** What a registry is shown; it is in no answer, log or record. */
export const credentialSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('password'),
    username: z
      .string()
      .min(1)
      .max(4096)
      .regex(/^[^:\0\r\n]*$/, 'holds a colon or a line break'),
    password: secret,
  }),
  z.strictObject({ kind: z.literal('identity-token'), token: secret }),
  z.strictObject({ kind: z.literal('registry-token'), token: secret.regex(/^[\x21-\x7e]+$/, 'is no token') }),
]);
