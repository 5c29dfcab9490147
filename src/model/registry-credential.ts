/**
 * What proves to a registry who asks. It is handed over with one request and lives in memory only: it is never logged, stored, or
 * put on a command line.
 */
export type RegistryCredential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A token service changes it for access tokens (OAuth2 refresh token, distribution token authentication). */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** Sent to the registry as it is. */
  | { readonly kind: 'registry-token'; readonly token: string };
