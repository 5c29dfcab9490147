import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Mirrored } from '../../src/image/registry/mirrored.fixture.ts';
import { Installation, until } from './support/installation.ts';

let isopod: Installation;
let hosts: Mirrored;
let config: string;
let image: string;

beforeAll(async () => {
  [isopod, hosts] = [new Installation(), await Mirrored.start()];
  config = mkdtempSync('/tmp/isopod-docker-config-');
  process.env.DOCKER_CONFIG = config;
  const auth = Buffer.from('me:secret').toString('base64');
  writeFileSync(join(config, 'config.json'), JSON.stringify({ auths: { [hosts.registry.host]: { auth } } }));
  image = `${hosts.registry.host}/app:1`;
  isopod.start(['agent', '--allow-namespaces', '--registry-hosts-dir', hosts.directory]);
  await until('the agent listens', () => existsSync(join(isopod.state, 'agent.sock')));
}, 120_000);
afterAll(async () => {
  delete process.env.DOCKER_CONFIG;
  await isopod.close();
  await hosts.stop();
  rmSync(config, { recursive: true });
});
beforeEach(async () => {
  hosts.mirror.misbehave = () => false;
  hosts.mirror.requests.length = 0;
  await isopod.run(['rmi', image]);
});

test('a mirror that fails is told on stderr and in the log, and the image comes from the registry', async () => {
  hosts.sayMirror();
  hosts.mirror.misbehave = (_request, response) => {
    response.writeHead(503).end('sorry');
    return true;
  };
  const { code, stderr } = await isopod.run(['pull', image]);
  const reason = `registry ${hosts.mirror.host} answered HTTP 503: sorry`;
  expect([code, stderr]).toEqual([0, expect.stringContaining(`${reason}; asking ${hosts.registry.host} instead\n`)]);
  await until('the log has it', () => readFileSync(join(isopod.state, 'agent.log'), 'utf8').includes(reason));
});

test('a mirror whose ca is missing is refused by file, host and field', async () => {
  const path = hosts.sayMirror('ca = "missing.pem"');
  const { code, stderr } = await isopod.run(['pull', '-q', image]);
  expect(code).not.toBe(0);
  expect(stderr).toContain(`${path}: host."http://${hosts.mirror.host}".ca names`);
  expect(stderr).toContain('missing.pem, which cannot be read: ENOENT');
});

test('a server elsewhere is asked for the registry, and not shown its password', async () => {
  hosts.say([`server = "http://${hosts.mirror.host}"`]);
  hosts.mirror.misbehave = (request, response) => {
    if (request.headers.authorization !== undefined) return false;
    response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    return true;
  };
  const { code, stderr } = await isopod.run(['pull', '-q', image]);
  expect(code).not.toBe(0);
  expect(stderr).toContain('as a header');
  expect(hosts.mirror.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  hosts.mirror.misbehave = () => false;
  expect(await isopod.expect(['pull', '-q', image])).toMatch(/^sha256:/);
  expect(hosts.mirror.requests.every(({ path }) => path.includes('?ns='))).toBe(true);
});
