import { defineErrors } from '../../../model/error.ts';
import type { RegistryCredential } from '../../../model/registry-credential.ts';
import { DOCKER_HUB, parseRegistryName } from '../../../model/registry-name.ts';
import type { AgentClient } from '../agent-client.ts';
import { type CliContext, printLine } from '../context.ts';
import { configPath, readConfig, writeConfig } from './config-file.ts';
import { helperErase, helperStore } from './credential-helper.ts';
import { notedCredential } from './credentials.ts';
import { helperOf, TOKEN_USER, withCredential, withoutCredential } from './docker-config.ts';
import { ask, askHidden } from './prompt.ts';

export const loginErrors = defineErrors('login', {
  noPassword: {
    kind: 'invalid-argument',
    message: () => 'there is no terminal to ask for a password',
    remedy: () => 'give it on standard input: isopod login -u USER --password-stdin REGISTRY',
  },
  noUser: {
    kind: 'invalid-argument',
    message: () => '--password-stdin needs a user',
    remedy: () => 'name it with --username',
  },
  emptyAnswer: {
    kind: 'invalid-argument',
    message: (d: { what: string }) => `the ${d.what} is empty`,
  },
  noHome: {
    kind: 'failed-precondition',
    message: () => 'there is no place for a config.json: neither HOME nor DOCKER_CONFIG is set',
  },
});

const MAX_PASSWORD_BYTES = 64 * 1024;

export interface LoginFlags {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** `isopod login`: shows the credential to the registry, and notes it where the next command finds it. */
export async function loginCommand(
  context: CliContext,
  client: AgentClient,
  { registry: named = DOCKER_HUB, flags }: { readonly registry: string | undefined; readonly flags: LoginFlags },
): Promise<number> {
  const registry = parseRegistryName(named);
  const path = configFile(context);
  if (flags.passwordStdin === true && flags.username === undefined) throw loginErrors.noUser();
  const noted = flags.username === undefined ? await notedCredential(context, { registry }) : undefined;
  if (noted !== undefined) {
    await check(client, registry, noted);
    return succeeded(context);
  }
  const login = await askLogin(context, registry, flags);
  const identityToken = await check(client, registry, { kind: 'password', ...login });
  // Read again: whoever types a password takes long enough for another command to have written the file.
  const config = await readConfig(path);
  const helper = helperOf(config, registry);
  if (helper === undefined) {
    const { username } = login;
    const entry = identityToken === undefined ? login : { username, identityToken };
    await writeConfig(path, withCredential(config, registry, entry));
    context.stderr.write(
      `isopod: ${identityToken === undefined ? 'the password' : 'an identity token'} stands in ${path}, readable by you alone; a credential helper hides it\n`,
    );
    return succeeded(context);
  }
  const secret = identityToken === undefined ? login : { username: TOKEN_USER, password: identityToken };
  await helperStore(context, helper, { registry, ...secret });
  await writeConfig(path, withCredential(config, registry, 'with the helper'));
  return succeeded(context);
}

/** `isopod logout`: forgets what is noted for a registry. */
export async function logoutCommand(context: CliContext, named: string = DOCKER_HUB): Promise<number> {
  const registry = parseRegistryName(named);
  const path = configFile(context);
  const config = await readConfig(path);
  const helper = helperOf(config, registry);
  const text = withoutCredential(config, registry);
  if (helper === undefined && text === undefined) {
    printLine(context, `Not logged in to ${registry}`);
    return 0;
  }
  if (helper !== undefined) await helperErase(context, helper, registry);
  if (text !== undefined) await writeConfig(path, text);
  printLine(context, `Removing login credentials for ${registry}`);
  return 0;
}

function succeeded(context: CliContext): number {
  printLine(context, 'Login Succeeded');
  return 0;
}

function configFile(context: CliContext): string {
  const path = configPath(context);
  if (path === undefined) throw loginErrors.noHome();
  return path;
}

/** @returns the identity token that the registry gives for a password, if it gives one */
async function check(
  client: AgentClient,
  registry: string,
  credential: RegistryCredential,
): Promise<string | undefined> {
  const answer = await client.call('POST', '/v1/registries/login', { registry, credential });
  return (answer as { readonly identityToken?: string }).identityToken;
}

async function askLogin(
  context: CliContext,
  registry: string,
  flags: LoginFlags,
): Promise<{ readonly username: string; readonly password: string }> {
  if (flags.passwordStdin === true) {
    return { username: flags.username ?? '', password: filled('password', await readPassword(context)) };
  }
  if (!context.stdin().isTTY) throw loginErrors.noPassword();
  const username = flags.username ?? (await ask(context, `Username for ${registry}: `));
  filled('user name', username);
  return { username, password: filled('password', await askHidden(context, 'Password: ')) };
}

function filled(what: string, text: string): string {
  if (text === '') throw loginErrors.emptyAnswer({ what });
  return text;
}

/** All of standard input, without the line break that `echo` puts at its end. */
async function readPassword(context: CliContext): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of context.stdin()) {
    const part = Buffer.from(chunk as Buffer | string);
    bytes += part.length;
    chunks.push(part);
    if (bytes > MAX_PASSWORD_BYTES) break;
  }
  return Buffer.concat(chunks)
    .subarray(0, MAX_PASSWORD_BYTES)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
