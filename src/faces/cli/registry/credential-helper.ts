import { defineErrors } from '../../../model/error.ts';
import type { RegistryCredential } from '../../../model/registry-credential.ts';
import type { CliContext } from '../context.ts';
import { configKey, credentialFrom } from './docker-config.ts';

export const credentialHelperErrors = defineErrors('credential-helper', {
  missing: {
    kind: 'failed-precondition',
    message: (d: { program: string }) => `the credential helper ${d.program} is not on PATH`,
    remedy: () => 'install it, or take it out of credsStore and credHelpers in config.json',
  },
  failed: {
    kind: 'failed-precondition',
    message: (d: { program: string; action: string; reason: string }) => `${d.program} ${d.action} failed: ${d.reason}`,
  },
});

/** What helpers say on standard output when they have nothing (docker-credential-helpers, credentials/error.go). */
const NOT_FOUND = 'credentials not found in native keychain';
const NO_SERVER = 'no credentials server URL';

type Action = 'get' | 'store' | 'erase';

/** @returns what the helper has for a registry; `undefined` when it has nothing */
export async function helperGet(
  context: CliContext,
  helper: string,
  registry: string,
): Promise<RegistryCredential | undefined> {
  const { code, said } = await runHelper(context, helper, 'get', configKey(registry));
  if (code !== 0 && (said.trim() === NOT_FOUND || said.trim() === NO_SERVER)) return undefined;
  if (code !== 0) throw failed(helper, 'get', said);
  const { Username: username, Secret: secret } = parseAnswer(said, helper);
  if (typeof username !== 'string' || typeof secret !== 'string') throw failed(helper, 'get', 'it names no user');
  return secret === '' ? undefined : credentialFrom(username, secret);
}

export async function helperStore(
  context: CliContext,
  helper: string,
  login: { readonly registry: string; readonly username: string; readonly password: string },
): Promise<void> {
  const { registry, username, password } = login;
  const input = JSON.stringify({ ServerURL: configKey(registry), Username: username, Secret: password });
  const { code, said } = await runHelper(context, helper, 'store', input);
  if (code !== 0) throw failed(helper, 'store', said);
}

/** One that has nothing to erase is fine. */
export async function helperErase(context: CliContext, helper: string, registry: string): Promise<void> {
  const { code, said } = await runHelper(context, helper, 'erase', configKey(registry));
  if (code !== 0 && said.trim() !== NOT_FOUND) throw failed(helper, 'erase', said);
}

async function runHelper(
  context: CliContext,
  helper: string,
  action: Action,
  input: string,
): Promise<{ readonly code: number; readonly said: string }> {
  const program = programOf(helper);
  const ended = await context.runWithInput(program, [action], input);
  if (ended === 'missing') throw credentialHelperErrors.missing({ program });
  if (ended === 'late') throw failed(helper, action, 'it did not end in time');
  return { code: ended.code, said: ended.stdout };
}

function programOf(helper: string): string {
  return `docker-credential-${helper}`;
}

/** An answer may hold a secret, and what a helper says of a failure does not: only that is told. */
function failed(helper: string, action: Action, said: string): Error {
  const reason = said.trim().split('\n', 1)[0]?.slice(0, 200) || 'it says nothing';
  return credentialHelperErrors.failed({ program: programOf(helper), action, reason });
}

function parseAnswer(said: string, helper: string): { readonly Username?: unknown; readonly Secret?: unknown } {
  try {
    const answer: unknown = JSON.parse(said);
    if (typeof answer === 'object' && answer !== null) return answer;
  } catch {
    // Told below, without what it said.
  }
  throw failed(helper, 'get', 'its answer is no JSON object');
}
