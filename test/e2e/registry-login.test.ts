import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RegistryReference } from '../../src/model/image-reference.ts';
import { imageOf, pushImage } from '../support/push-image.ts';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';
import { Installation } from './support/installation.ts';

const missing = missingPrograms(['docker-registry', 'setpriv', 'python3']);
/** `user` with this password, as bcrypt of htpasswd(1). */
const USER = 'user:$2y$05$abcdefghijklmnopqrstuuDIEddBSuRWBBEY6g5zv60IAP5bSSfki';
const PASSWORD = 'pass:word';

describe.skipIf(missing.length > 0)(`a registry with a password${missing.map((name) => `, without ${name}`)}`, () => {
  let isopod: Installation;
  let registry: RegistryProgram;
  let config: string;

  beforeAll(async () => {
    isopod = new Installation();
    config = mkdtempSync('/tmp/isopod-docker-config-');
    process.env.DOCKER_CONFIG = config;
    registry = await startRegistry({ user: USER });
    const place: RegistryReference = {
      ...{ kind: 'registry', registry: registry.host, repository: 'team/app', tag: '1', digest: undefined },
    };
    const credential = { kind: 'password', username: 'user', password: PASSWORD } as const;
    await pushImage(place, imageOf(20_000), { credential });
  }, 120_000);
  afterAll(async () => {
    delete process.env.DOCKER_CONFIG;
    await isopod.close();
    await registry.stop();
    rmSync(config, { recursive: true });
  });

  const image = () => `${registry.host}/team/app:1`;
  const login = (password: string) =>
    isopod.run(['login', '-u', 'user', '--password-stdin', registry.host], `${password}\n`);

  test('is not pulled from without a login, and the error says how to log in', async () => {
    const { code, stderr } = await isopod.run(['pull', '-q', image()]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`isopod login ${registry.host}`);
  });

  test('does not take a wrong password, and nothing is noted', async () => {
    const { code, stderr } = await login('wrong');
    expect(code).not.toBe(0);
    expect(stderr).toContain('does not accept this user and password');
    expect(() => readFileSync(join(config, 'config.json'))).toThrow('ENOENT');
  });

  test('is logged in to, searched and pulled from, and logged out of', async () => {
    expect(await login(PASSWORD)).toMatchObject({ code: 0, stdout: 'Login Succeeded\n' });
    expect(await isopod.expect(['search', `${registry.host}/app`])).toContain(`${registry.host}/team/app`);
    expect(await isopod.expect(['pull', '-q', image()])).toMatch(/^sha256:/);
    expect(await isopod.expect(['login', registry.host])).toBe('Login Succeeded');
    await isopod.expect(['rmi', image()]);
    expect(await isopod.expect(['logout', registry.host])).toBe(`Removing login credentials for ${registry.host}`);
    expect((await isopod.run(['pull', '-q', image()])).code).not.toBe(0);
  });

  test('asks for user and password on a terminal, and shows the password to nobody', async () => {
    const { output, code } = await isopod.terminal(
      ['login', registry.host],
      [
        ['expect', 'Username'],
        ['send', 'user\n'],
        ['expect', 'Password'],
        ['send', `${PASSWORD}\n`],
      ],
    );
    expect(output).toContain('Login Succeeded');
    expect(output).not.toContain(PASSWORD);
    expect(code).toBe(0);
  });

  test('its password stands nowhere in what the agent keeps', async () => {
    await isopod.expect(['pull', '-q', image()]);
    const encoded = Buffer.from(`user:${PASSWORD}`).toString('base64');
    for (const secret of [PASSWORD, encoded]) {
      const found = () => execFileSync('grep', ['-rlF', secret, isopod.root, isopod.state], { encoding: 'utf8' });
      expect(found).toThrow(); // grep ends with 1 when there is nothing
    }
    expect(readFileSync(join(isopod.state, 'agent.log'), 'utf8')).toContain('agent');
  });

  test('is pulled from by a launch over the API that shows a credential, which is kept nowhere', async () => {
    await isopod.run(['rmi', image()]);
    const container = { rootfs: { kind: 'image', reference: image() }, command: ['/none'], name: 'pulled' };
    const without = await post('/v1/containers', container);
    expect(without).toMatchObject({ status: 403, text: expect.stringContaining(`isopod login ${registry.host}`) });
    const credential = { kind: 'password', username: 'user', password: PASSWORD };
    // The image names a user whom it does not hold; that is found out after its pull.
    expect((await post('/v1/containers', { ...container, credential })).text).toContain('plan.unknownUser');
    expect(await isopod.expect(['images'])).toContain('team/app');
    expect(spawnSync('grep', ['-rqF', PASSWORD, isopod.root, isopod.state]).status).toBe(1);
  });

  test('is pulled from with that credential for volumes and fetched files, too', async () => {
    const credential = { kind: 'password', username: 'user', password: PASSWORD };
    const own = { rootfs: { kind: 'none' }, command: ['/bin/true'] };
    const volumes = [{ kind: 'image', reference: image(), containerPath: '/mnt', readOnly: true }];
    for (const named of [{ volumes }, { fetch: [{ uri: `image:${image()}#/file0` }] }]) {
      await isopod.run(['rmi', image()]);
      expect(await post('/v1/runs', { ...own, ...named })).toMatchObject({ status: 403 });
      expect(await post('/v1/runs', { ...own, ...named, credential })).toMatchObject({ status: 200 });
      expect(await isopod.expect(['images'])).toContain('team/app');
      await isopod.shell('isopod rm $(isopod ps -aq)');
    }
  });

  /** Over the socket of the agent, which is there as long as commands come. */
  async function post(path: string, body: unknown): Promise<{ readonly status: number; readonly text: string }> {
    await isopod.expect(['ps']);
    const text = JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const sent = request({ socketPath: join(isopod.state, 'agent.sock'), method: 'POST', path, headers, agent: false });
    sent.end(text);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, text: await readText(response) };
  }
});
