import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import type { BuiltImage } from '../../src/image/built-image.fixture.ts';
import { OCI_LAYER } from '../../src/image/media-types.ts';
import { Authority } from '../../src/image/registry/authority.fixture.ts';
import { Registries } from '../../src/image/registry/registries.ts';
import { StoreFixture } from '../../src/image/store.fixture.ts';
import { targetContract } from '../../src/image/target.contract.ts';
import type { RegistryReference } from '../../src/model/image-reference.ts';
import type { RegistryCredential } from '../../src/model/registry-credential.ts';
import { until } from '../e2e/support/installation.ts';
import { imageOf, pushImage } from '../support/push-image.ts';
import { missingPrograms, type RegistryOptions, type RegistryProgram, startRegistry } from '../support/registry.ts';

const missing = missingPrograms(['docker-registry', 'setpriv', 'openssl']);
/** `user` with this password, as bcrypt of htpasswd(1). */
const USER = 'user:$2y$05$abcdefghijklmnopqrstuuDIEddBSuRWBBEY6g5zv60IAP5bSSfki';
const PASSWORD: RegistryCredential = { kind: 'password', username: 'user', password: 'pass:word' };
const { signal } = new AbortController();

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-registry-test-'));
  undo.push(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function start(options: RegistryOptions = {}): Promise<RegistryProgram> {
  const registry = await startRegistry(options);
  undo.push(() => registry.stop());
  return registry;
}

/** What this machine knows of the registry: lines of its hosts.toml. */
function knowing(registry: RegistryProgram, lines: readonly string[]): Registries {
  const directory = temporary();
  mkdirSync(join(directory, registry.host));
  writeFileSync(join(directory, registry.host, 'hosts.toml'), lines.join('\n'));
  return new Registries({ ...nodeEffects(), hostsDirectory: directory, limits: { retryDelayMs: 20 } });
}

function place(registry: RegistryProgram, repository = 'team/app'): RegistryReference {
  return { kind: 'registry', registry: registry.host, repository, tag: '1', digest: undefined };
}

async function pull(
  registries: Registries,
  from: RegistryReference,
  image: BuiltImage,
  credential?: RegistryCredential,
) {
  const store = new StoreFixture();
  try {
    const images = store.open({ registries });
    const text = `${from.registry}/${from.repository}:${from.tag}`;
    const pulled = await images.pull(text, credential === undefined ? {} : { credential });
    expect(pulled.manifestDigest).toBe(image.manifest.digest);
    for (const [index, chainId] of pulled.chainIds.entries()) {
      const digest = await readFile(join(images.layerDirectory(chainId), 'digest'), 'utf8');
      expect(digest).toBe(image.layers[index]?.diffId);
    }
    expect(store.openWorkers).toBe(0);
  } finally {
    store.remove();
  }
}

if (missing.length === 0) {
  targetContract('docker-registry', async () => {
    const registry = await startRegistry();
    const registries = new Registries({ ...nodeEffects(), limits: { retryDelayMs: 1 } });
    return {
      open: async () => registries.target(place(registry)),
      read: () => registries.source(place(registry)),
      keepsManifests: true,
      dispose: () => registry.stop(),
    };
  });
}

describe.skipIf(missing.length > 0)(`with docker-registry${missing.map((name) => `, without ${name}`)}`, () => {
  const IMAGE = imageOf(1000, 9_000_000);

  test('what is pushed is pulled, digest by digest', async () => {
    const registry = await start();
    const registries = new Registries(nodeEffects());
    await pushImage(place(registry), IMAGE, { registries });
    await pull(registries, place(registry), IMAGE);
    await expect(registries.search({ registry: registry.host, term: 'app', limit: 5, signal })).resolves.toMatchObject([
      { name: 'team/app' },
    ]);
  });

  test('a blob of another repository is mounted and not sent again', async () => {
    const registry = await start();
    const registries = new Registries(nodeEffects());
    await pushImage(place(registry), IMAGE, { registries });
    const target = registries.target(place(registry, 'other'), { mountFrom: ['team/app'] });
    undo.push(() => target.close());
    const [, large] = IMAGE.layers;
    const descriptor = { mediaType: OCI_LAYER, digest: large?.digest as never, sizeBytes: large?.bytes.length ?? 0 };
    expect(await target.hasBlob(descriptor, signal)).toBe(true);
  });

  test('a registry with a password lets in who has it, and nobody else', async () => {
    const registry = await start({ user: USER });
    const registries = new Registries(nodeEffects());
    await registries.checkLogin(registry.host, PASSWORD, signal);
    await pushImage(place(registry), IMAGE, { registries, credential: PASSWORD });
    await pull(registries, place(registry), IMAGE, PASSWORD);
    const wrong = { ...PASSWORD, password: 'wrong' } as const;
    await expect(registries.checkLogin(registry.host, wrong, signal)).rejects.toMatchObject({
      code: 'registry.loginRefused',
    });
    await expect(pull(registries, place(registry), IMAGE)).rejects.toMatchObject({ code: 'registry.refused' });
    await expect(pushImage(place(registry), IMAGE, { registries, credential: wrong })).rejects.toMatchObject({
      code: 'registry.refused',
    });
  });

  test('a certificate of an authority of its own is trusted where hosts.toml says so, and nowhere else', async () => {
    const directory = temporary();
    const authority = new Authority(directory, 'authority');
    const registry = await start({ tls: authority.sign('registry') });
    const server = `server = "https://${registry.host}"`;
    const trusting = knowing(registry, [server, `ca = "${authority.certificate}"`]);
    await pushImage(place(registry), IMAGE, { registries: trusting });
    await pull(trusting, place(registry), IMAGE);
    await pull(knowing(registry, [server, 'skip_verify = true']), place(registry), IMAGE);
    await expect(pull(knowing(registry, [server]), place(registry), IMAGE)).rejects.toMatchObject({
      code: 'registry.untrusted',
    });
  });

  test('a registry that asks for a certificate is shown the one of hosts.toml', async () => {
    const directory = temporary();
    const authority = new Authority(directory, 'authority');
    const clientAuthority = authority.certificate;
    const registry = await start({ tls: { ...authority.sign('registry'), clientAuthority } });
    const client = authority.sign('client');
    const trusted = [`server = "https://${registry.host}"`, `ca = "${authority.certificate}"`];
    const knownHere = knowing(registry, [...trusted, `client = [["${client.certificate}", "${client.key}"]]`]);
    await pushImage(place(registry), IMAGE, { registries: knownHere });
    await pull(knownHere, place(registry), IMAGE);
    await expect(pull(knowing(registry, trusted), place(registry), IMAGE)).rejects.toMatchObject({
      code: 'registry.clientWanted',
    });
  });

  test('pulls from a registry that is killed and paused at random end well', { timeout: 300_000 }, async () => {
    const registry = await start();
    const registries = new Registries({ ...nodeEffects(), limits: { retryDelayMs: 100, requestAttempts: 8 } });
    await pushImage(place(registry), IMAGE, { registries });
    let isOver = false;
    const disturbing = (async () => {
      while (!isOver) {
        await sleep(5 + Math.random() * 150);
        if (Math.random() < 0.5) {
          registry.signal('SIGSTOP');
          await sleep(50);
          registry.signal('SIGCONT');
        } else await registry.killAndRestart();
      }
    })();
    try {
      for (let round = 0; round < 12; round++) {
        // A first request that finds nobody is told at once: whoever asks again is the user.
        const outcome = await pull(registries, place(registry), IMAGE).catch((error: unknown) => error);
        if (outcome !== undefined)
          expect(outcome).toMatchObject({ kind: expect.stringMatching(/unavailable|data-loss/) });
      }
    } finally {
      isOver = true;
      await disturbing;
    }
    await pull(registries, place(registry), IMAGE);
  });

  test('a push to a registry that is killed in the middle of it goes on where it was', {
    timeout: 300_000,
  }, async () => {
    const registry = await start();
    const registries = new Registries({ ...nodeEffects(), limits: { retryDelayMs: 100, requestAttempts: 8 } });
    await registries.checkLogin(registry.host, PASSWORD, signal);
    const image = imageOf(24_000_000);
    const end = new AbortController();
    const killed = once(end.signal, 'abort');
    const began: number[] = [];
    // The second half comes once the registry was killed, so it is killed before it has everything.
    const before = async (atByte: number): Promise<void> => {
      if (atByte === 0) began.push(registry.arrivedBytes());
      if (atByte > 12_000_000) await killed;
    };
    const pushing = pushImage(place(registry), image, { registries, before });
    pushing.catch(() => {});
    await until('some of the layer has arrived', () => registry.arrivedBytes() > 1_000_000);
    await registry.killAndRestart();
    end.abort();
    await pushing;
    // The config once, and the layer more than once, the last time with something of it there.
    expect(began.length).toBeGreaterThan(2);
    expect(began.at(-1)).toBeGreaterThan(1_000_000);
    await pull(registries, place(registry), image);
  });
});
