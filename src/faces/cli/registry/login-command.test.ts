import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runWithInput } from '../../../base/effects/run-with-input.ts';
import { defineErrors } from '../../../model/error.ts';
import type { AgentClient } from '../agent-client.ts';
import type { CliContext } from '../context.ts';
import { credentialForImage } from './credentials.ts';
import { loginCommand, logoutCommand } from './login-command.ts';

let home: string;
let printed: string;
let told: string;
let asked: unknown[];
const savedPath = process.env.PATH;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'isopod-login-'));
  [printed, told, asked] = ['', '', []];
  process.env.PATH = `${home}${delimiter}${savedPath}`;
});
afterEach(() => {
  process.env.PATH = savedPath;
  rmSync(home, { recursive: true });
});

function context(input = '', deadlineMs = 20_000): CliContext {
  const stdin = Readable.from([Buffer.from(input)]);
  return {
    env: { DOCKER_CONFIG: home },
    cwd: '/',
    stdout: { write: (text: string) => (printed += text) },
    stderr: { write: (text: string) => (told += text) },
    stdin: () => stdin,
    runWithInput: (program: string, words: readonly string[], text: string) =>
      runWithInput(program, words, { input: text, deadlineMs }),
  } as unknown as CliContext;
}

const { refused } = defineErrors('test', { refused: { kind: 'unauthenticated', message: () => 'wrong password' } });

function agent(accepts = true, answer: object = {}): AgentClient {
  const call = async (_method: string, path: string, body: unknown) => {
    asked.push(path, body);
    if (!accepts) throw refused();
    return answer;
  };
  return { call } as unknown as AgentClient;
}

const config = () => JSON.parse(readFileSync(join(home, 'config.json'), 'utf8'));
const login = (input: string, flags = {}, accepts = true) =>
  loginCommand(context(input), agent(accepts), {
    registry: 'r.example',
    flags: { username: 'me', passwordStdin: true, ...flags },
  });

/** A credential helper that keeps what it is given in a file. */
function installHelper(script: string): void {
  writeFileSync(join(home, 'docker-credential-test'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(home, 'docker-credential-test'), 0o755);
  writeFileSync(join(home, 'config.json'), JSON.stringify({ credsStore: 'test' }));
}

const KEEPER = `case $1 in
store) cat > "${'$'}{0%/*}/kept" ;;
get) cat >/dev/null; cat "${'$'}{0%/*}/kept" 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; } ;;
erase) cat >/dev/null; rm -f "${'$'}{0%/*}/kept" ;;
esac`;

test('a login is checked by the agent and noted for its owner alone', async () => {
  expect(await login('pass word\n')).toBe(0);
  expect(asked).toEqual([
    '/v1/registries/login',
    { registry: 'r.example', credential: { kind: 'password', username: 'me', password: 'pass word' } },
  ]);
  expect(config()).toEqual({ auths: { 'r.example': { auth: Buffer.from('me:pass word').toString('base64') } } });
  expect(statSync(join(home, 'config.json')).mode & 0o777).toBe(0o600);
  expect(printed).toBe('Login Succeeded\n');
  expect(printed + told).not.toContain('pass word');
});

test('a login that the registry refuses is not noted', async () => {
  await expect(login('wrong', {}, false)).rejects.toMatchObject({ code: 'test.refused' });
  expect(() => config()).toThrow('ENOENT');
});

test.each([
  [{ username: undefined }, 'login.noUser'],
  [{ passwordStdin: false }, 'login.noPassword'],
])('a password from nowhere is refused: %j', async (flags, code) => {
  await expect(login('', flags)).rejects.toMatchObject({ code });
});

test('an empty password is refused', async () => {
  await expect(login('\n')).rejects.toMatchObject({ code: 'login.emptyAnswer' });
});

test('what is noted is shown again by a login without a user, and by a pull', async () => {
  await login('pw');
  asked = [];
  expect(await loginCommand(context(), agent(), { registry: 'https://r.example/v2/', flags: {} })).toBe(0);
  const credential = { kind: 'password', username: 'me', password: 'pw' };
  expect(asked).toEqual(['/v1/registries/login', { registry: 'r.example', credential }]);
  expect(await credentialForImage(context(), 'r.example/app:1')).toEqual(credential);
  expect(await credentialForImage(context(), 'other.example/app:1')).toBeUndefined();
  expect(await credentialForImage(context(), 'oci:/x')).toBeUndefined();
});

test('a logout forgets, and says when there was nothing', async () => {
  await login('pw');
  printed = '';
  expect(await logoutCommand(context(), 'r.example')).toBe(0);
  expect(await logoutCommand(context(), 'r.example')).toBe(0);
  expect(printed).toBe('Removing login credentials for r.example\nNot logged in to r.example\n');
  expect(config()).toEqual({ auths: {} });
});

test('a helper keeps the password, and the file only says that there is one', async () => {
  installHelper(KEEPER);
  await login('pw');
  expect(config()).toEqual({ credsStore: 'test', auths: { 'r.example': {} } });
  expect(JSON.parse(readFileSync(join(home, 'kept'), 'utf8'))).toEqual({
    ...{ ServerURL: 'r.example', Username: 'me', Secret: 'pw' },
  });
  expect(await credentialForImage(context(), 'r.example/app')).toEqual({
    ...{ kind: 'password', username: 'me', password: 'pw' },
  });
  await logoutCommand(context(), 'r.example');
  expect(await credentialForImage(context(), 'r.example/app')).toBeUndefined();
  expect(told).toBe('');
});

test.each([
  ['exit 3', 'docker-credential-test get failed: it says nothing'],
  ['echo broken; exit 3', 'docker-credential-test get failed: broken'],
  ['echo "not json"', 'docker-credential-test get failed: its answer is no JSON object'],
])('a helper that fails is told, and the pull goes on without: %s', async (script, message) => {
  installHelper(script);
  expect(await credentialForImage(context(), 'r.example/app')).toBeUndefined();
  expect(told).toBe(`isopod: ${message}; going on without a login\n`);
});

test('a helper that is not there is told by name', async () => {
  writeFileSync(join(home, 'config.json'), JSON.stringify({ credsStore: 'nowhere' }));
  await expect(login('pw')).rejects.toMatchObject({ code: 'credential-helper.missing' });
  expect(await credentialForImage(context(), 'r.example/app')).toBeUndefined();
  expect(told).toContain('docker-credential-nowhere is not on PATH');
});

test('a helper that does not end is ended', async () => {
  installHelper('sleep 60');
  expect(await credentialForImage(context('', 200), 'r.example/app')).toBeUndefined();
  expect(told).toContain('it did not end in time');
});

test('an identity token that the registry gives is noted instead of the password, as Docker notes it', async () => {
  const client = agent(true, { identityToken: 'refresh-me' });
  const flags = { username: 'me', passwordStdin: true };
  expect(await loginCommand(context('secret\n'), client, { registry: 'r.example', flags })).toBe(0);
  const auth = Buffer.from('me:').toString('base64');
  expect(config()).toEqual({ auths: { 'r.example': { auth, identitytoken: 'refresh-me' } } });
  expect(told).toContain('an identity token stands in');
  expect(await credentialForImage(context(), 'r.example/app')).toEqual({ kind: 'identity-token', token: 'refresh-me' });
});
