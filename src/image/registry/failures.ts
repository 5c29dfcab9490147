import { EngineError } from '../../model/error.ts';
import type { HostClient } from './host-client.ts';

/** One of a registry's hosts that was asked in vain. */
export interface HostFailure {
  readonly host: HostClient;
  readonly error: EngineError;
}

/**
 * Whether the next host may do better. Not where it was given up by who asked; and what is wrong with what this machine was told of
 * its registries has to be mended, which a host that serves nonetheless would hide.
 */
export function isOfHost(error: unknown): error is EngineError {
  return error instanceof EngineError && error.kind !== 'cancelled' && error.kind !== 'failed-precondition';
}

/** The error of the last host, with what the ones before it have answered. */
export function withEarlier(error: EngineError, earlier: readonly HostFailure[]): EngineError {
  if (earlier.length === 0) return error;
  const told = earlier.map((failure) => reasonOf(failure)).join('; ');
  return new EngineError({ ...fieldsOf(error), message: `${error.message}; asked before it: ${told}`, cause: error });
}

/** What came of a host that was not what was asked for, by its name. */
export function sentBy(error: EngineError, hosts: readonly HostClient[]): EngineError {
  if (hosts.length === 0) return error;
  const names = [...new Set(hosts.map(({ name }) => name))];
  return new EngineError({ ...fieldsOf(error), message: `${error.message}; it came from ${names.join(', then ')}` });
}

/** As a sentence without its end, with the name of the host. */
export function reasonOf({ host, error }: HostFailure): string {
  return error.message.includes(host.name) ? error.message : `${host.name}: ${error.message}`;
}

function fieldsOf({
  kind,
  code,
  message,
  details,
  remedy,
  cause,
}: EngineError): ConstructorParameters<typeof EngineError>[0] {
  return { kind, code, message, details, remedy, cause };
}
