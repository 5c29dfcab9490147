import { EngineError, systemErrorCode } from '../../model/error.ts';
import { registryErrors } from './errors.ts';

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

/** An error of a connection as ours; one of ours stays what it is. */
export function connectionError(url: URL, error: unknown): Error {
  if (error instanceof EngineError) return error;
  const code = systemErrorCode(error) ?? '';
  const said = error instanceof Error ? error.message : String(error);
  if (CERTIFICATE.test(code)) return registryErrors.untrusted({ host: url.host, reason: withoutAdvice(said) }, error);
  return registryErrors.unreachable({ host: url.host, reason: reasonOf(url, code, withoutPassword(said)) }, error);
}

function reasonOf(url: URL, code: string, said: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `its name ${url.hostname} cannot be resolved (${code})`;
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
  return text.replace(/\/\/[^/@\s]*@/g, '//');
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

/** Whether nobody could be asked at all: another moment rarely brings back a name or a way, and who asked waits to hear it. */
export function isAbsent(error: unknown): boolean {
  if (!(error instanceof EngineError) || error.code !== 'registry.unreachable') return false;
  return ['EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'].includes(systemErrorCode(error.cause) ?? '');
}
