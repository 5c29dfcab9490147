/** An agent that is only talked to: none is started in its place. */
export type RemoteAgent =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: ClientTls };

/** Contents of PEM files: whom we trust, and who we are. */
export interface ClientTls {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer;
  readonly key: Buffer;
}
