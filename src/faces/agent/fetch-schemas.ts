import { z } from 'zod';

/** As FetchRequest in model/fetch.ts. */
export const fetchSchema = z.strictObject({
  uri: z.string().min(1).max(8192),
  output: z.string().max(4096).optional(),
  executable: z.boolean().optional(),
  extract: z.boolean().optional(),
  cache: z.boolean().optional(),
  digest: z.string().max(128).optional(),
});
