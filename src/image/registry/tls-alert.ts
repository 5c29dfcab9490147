/** The alerts by which a server ends a handshake (RFC 8446 §6, RFC 5246 §7.2) of which a certificate of ours may be the cause. */
const OF_CLIENT_CERTIFICATE: ReadonlyMap<number, string> = new Map([
  [40, 'handshake failure'],
  [42, 'bad certificate'],
  [43, 'unsupported certificate'],
  [44, 'certificate revoked'],
  [45, 'certificate expired'],
  [46, 'certificate unknown'],
  [48, 'unknown authority'],
  [49, 'access denied'],
  [116, 'certificate required'],
]);

/**
 * What a server says of a client certificate by the alert with which it ends a handshake; `undefined` when the error is no such
 * alert. Node has OpenSSL's number of the alert nowhere but at the end of its line.
 */
export function clientAlert(error: unknown): string | undefined {
  const number = error instanceof Error ? /:SSL alert number (\d{1,3})\s*$/.exec(error.message)?.[1] : undefined;
  return number === undefined ? undefined : OF_CLIENT_CERTIFICATE.get(Number(number));
}

/** Whether what came in a handshake is no TLS at all: OpenSSL's SSL_R_WRONG_VERSION_NUMBER, whose number Node has in the line alone. */
export function isNoTls(error: unknown): boolean {
  return error instanceof Error && /\berror:0A00010B:/.test(error.message);
}

/** A line of OpenSSL (`40FD…:error:0A00010B:SSL routines:FUNCTION:REASON:FILE:LINE:`) as its reason; another text as it is. */
export function withoutInnards(said: string): string {
  const match = /error:[0-9A-F]{8}:([^:]*):[^:]*:([^:]+):/.exec(said);
  return match === null ? said : `TLS: ${match[2]}`;
}
