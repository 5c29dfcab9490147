import { EngineError, systemErrorCode } from '../../model/error.ts';
import { registryErrors } from './errors.ts';
import { clientAlert, isNoTls, withoutInnards } from './tls-alert.ts';

/** Codes of OpenSSL and Node that say: this certificate is none that we trust. */
const CERTIFICATE =
  /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH)/;
/** What another moment may mend. */
const TRANSIENT = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
]);

/** How a connection was tried. */
export interface ConnectionWay {
  /** Nobody but it was connected to. */
  readonly proxy?: string | undefined;
  /** The file of ours that was shown. */
  readonly certificate?: string | undefined;
}

/** An error of a connection as ours; one of ours stays what it is. */
export function connectionError(url: URL, error: unknown, { proxy, certificate }: ConnectionWay = {}): Error {
  if (error instanceof EngineError) return error;
  const code = systemErrorCode(error) ?? '';
  const said = error instanceof Error ? error.message : String(error);
  if (CERTIFICATE.test(code)) return registryErrors.untrusted({ host: url.host, reason: withoutAdvice(said) }, error);
  const alert = clientAlert(error);
  if (alert !== undefined) {
    return certificate === undefined
      ? registryErrors.clientWanted({ host: url.host, reason: alert }, error)
      : registryErrors.clientRefused({ host: url.host, certificate, reason: alert }, error);
  }
  if (proxy === undefined && isNoTls(error)) return registryErrors.notTls({ host: url.host }, error);
  const plain = reasonOf(url, error, proxy);
  // Some servers only close the connection on who shows one that they do not want.
  const isReset = certificate !== undefined && code === 'ECONNRESET';
  const reason = isReset ? `${plain}, when our certificate ${certificate} was shown` : plain;
  return registryErrors.unreachable({ host: url.host, reason, proxy: proxy && withoutPassword(proxy) }, error);
}

/** Why a connection to a URL failed, as a part of a sentence; names the proxy where there was one. */
export function reasonOf(url: URL, error: unknown, proxy?: string): string {
  const code = systemErrorCode(error) ?? '';
  const said = withoutInnards(withoutPassword(error instanceof Error ? error.message : String(error)));
  if (proxy === undefined) return plainReason(url.hostname, code, said);
  return `through proxy ${withoutPassword(proxy)}: ${plainReason(new URL(proxy).hostname, code, said)}`;
}

function plainReason(hostname: string, code: string, said: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `its name ${hostname} cannot be resolved (${code})`;
    default:
      return said;
  }
}

/** Node tells of an option of its own there, which nobody can give it here. */
function withoutAdvice(said: string): string {
  return said.replace(/; if the root CA is installed locally.*$/s, '');
}

/** The address of a proxy may hold a password. */
export function withoutPassword(text: string): string {
  return text.replace(/\/\/[^/\s]*@/g, '//');
}

/** Whether asking again may help; `connection refused` only helps when somebody was there before. */
export function isTransient(error: unknown, wasReached: boolean): boolean {
  if (!(error instanceof EngineError)) return false;
  if (error.code === 'registry.stalled') return true;
  return error.code === 'registry.unreachable' && isTransientCause(error.cause, wasReached);
}

/** The same of what the connection itself has said. */
export function isTransientCause(cause: unknown, wasReached: boolean): boolean {
  const code = systemErrorCode(cause);
  return code === 'ECONNREFUSED' ? wasReached : code !== undefined && TRANSIENT.has(code);
}

/** Whether somebody took the connection and closed it without an answer. */
export function isReset(error: unknown): boolean {
  if (!(error instanceof EngineError) || error.code !== 'registry.unreachable') return false;
  return ['ECONNRESET', 'EPIPE'].includes(systemErrorCode(error.cause) ?? '');
}

/** Whether nobody could be asked at all: another moment rarely brings back a name or a way, and who asked waits to hear it. */
export function isAbsent(error: unknown): boolean {
  if (!(error instanceof EngineError) || error.code !== 'registry.unreachable') return false;
  return ['EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'].includes(systemErrorCode(error.cause) ?? '');
}
