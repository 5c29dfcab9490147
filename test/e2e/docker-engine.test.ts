import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { type DockerEngine, hasDockerEngine, startDockerEngine } from '../support/docker-engine.ts';
import { ZOO } from '../support/image-zoo.ts';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';
import type { ZooImage } from '../support/zoo-entries.ts';
import { Installation } from './support/installation.ts';

const missing = [
  ...missingPrograms(['docker-registry', 'python3', 'setpriv', '/bin/busybox']),
  ...(hasDockerEngine() ? [] : ['a Docker engine']),
];
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';
const ARCHIVE_TREE = join(import.meta.dirname, '..', 'support', 'archive-tree.py');
/** What the engine puts into each container that it makes, where the image has nothing there. */
const MOUNT_POINTS = /^(\.dockerenv|(dev|etc|proc|sys)(\/.*)?)$/;

/** Images that the engine does not take, and what it says. */
const REFUSES: Readonly<Record<string, RegExp>> = {
  'the same name twice in a layer': /did not take the image: .*duplicates of file paths/,
  'a directory taken away, with something in it again': /did not take the image/,
};

type Tree = Readonly<Record<string, readonly unknown[]>>;

/** Paths that the engine exports otherwise, and why that is not ours to follow. */
const DIFFERS: Readonly<Record<string, { readonly paths: readonly string[]; readonly because: string }>> = {
  'extended attributes': { paths: ['d/noted'], because: 'of attributes it exports security.capability alone' },
  'times below a second': { paths: ['d/link', 'd/old', 'd/precise'], because: 'it exports whole seconds' },
};

describe.skipIf(missing.length > 0)(`images that go to a Docker engine and come from one${lacks}`, () => {
  let isopod: Installation;
  let engine: DockerEngine;
  let registry: RegistryProgram;
  const before = process.env.DOCKER_HOST;
  const path = (name: string): string => join(isopod.directory, name);
  const idOf = (name: string): string => engine.docker(['image', 'inspect', '--format', '{{.Id}}', name]).trim();
  const pulled = async (name: string): Promise<string> =>
    `sha256:${(await isopod.expect(['pull', '-q', name])).replace(/^sha256:/, '')}`;

  beforeAll(async () => {
    engine = await startDockerEngine();
    process.env.DOCKER_HOST = engine.host; // the commands send it along
    registry = await startRegistry();
    isopod = new Installation();
    const rootfs = path('rootfs');
    mkdirSync(join(rootfs, 'bin'), { recursive: true });
    execFileSync('cp', ['/bin/busybox', join(rootfs, 'bin/busybox')]);
    for (const name of ['sh', 'id', 'pwd', 'echo', 'cat'])
      execFileSync('ln', ['-s', 'busybox', join(rootfs, 'bin', name)]);
    execFileSync('tar', ['-C', rootfs, '-cf', path('rootfs.tar'), '.']);
  });
  afterAll(async () => {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
    await isopod?.close();
    await registry?.stop();
    await engine?.stop();
  });

  /** An image with several layers that the engine has built itself. */
  function built(name: string): void {
    const context = path('context');
    mkdirSync(context, { recursive: true });
    execFileSync('cp', [path('rootfs.tar'), join(context, 'rootfs.tar')]);
    const lines = [
      ...['FROM scratch', 'ADD rootfs.tar /', 'RUN echo one >/one && echo two >/two', 'RUN rm /one && mkdir /srv'],
      ...['WORKDIR /srv', 'USER 1234:5678', 'ENV GREETING="hello there"', 'ENTRYPOINT ["/bin/sh", "-c"]'],
      'CMD ["id -u; id -g; pwd; echo $GREETING; cat /two; echo /one*"]',
    ];
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
    const { DOCKER_BUILDKIT: _, ...env } = process.env;
    const [command = '', ...words] = engine.command;
    execFileSync(command, [...words, 'build', '-q', '--network', 'none', '-t', name, context], {
      env: { ...env, DOCKER_BUILDKIT: '0' },
    });
  }

  test('an image that the engine has built has the same id here, and runs the same', async () => {
    built('built:1');
    expect(await pulled('docker-daemon:built:1')).toBe(idOf('built:1'));
    const theirs = engine.docker(['run', '--rm', '--network', 'none', 'built:1']);
    const ours = await isopod.run(['run', '--rm', '--network', 'none', 'docker-daemon:built:1']);
    expect(ours).toMatchObject({ code: 0, stderr: '' });
    expect(ours.stdout).toBe(theirs);
    expect(theirs).toBe('1234\n5678\n/srv\nhello there\ntwo\n/one*\n');
  });

  test('an image that was made here has the same id in the engine, and runs the same', async () => {
    const words = [
      '-c',
      'ENV A=b',
      '-c',
      'USER 7',
      '-c',
      'WORKDIR /bin',
      '-c',
      'CMD ["/bin/sh","-c","id -u; pwd; echo $A"]',
    ];
    await isopod.expect(['import', path('rootfs.tar'), 'made:1', ...words]);
    await isopod.expect(['push', '-q', 'made:1', 'docker-daemon:made:1']);
    expect(await isopod.expect(['image', 'inspect', '--format', '{{.Id}}', 'made:1'])).toBe(idOf('made:1'));
    const theirs = engine.docker(['run', '--rm', '--network', 'none', 'made:1']);
    expect((await isopod.run(['run', '--rm', '--network', 'none', 'made:1'])).stdout).toBe(theirs);
    expect(theirs).toBe('7\n/bin\nb\n');
  });

  test('the engine loads what is saved here, and what it saves is loaded here, several images in one archive', async () => {
    built('several:1');
    engine.docker(['tag', 'several:1', 'several:2']);
    engine.docker(['import', path('rootfs.tar'), 'other:1']);
    const ids = ['several:1', 'several:2', 'other:1'].map(idOf);
    engine.docker(['save', '-o', path('theirs.tar'), 'several:1', 'several:2', 'other:1']);
    await isopod.expect(['load', '-q', '-i', path('theirs.tar')]);
    const names = ['several:1', 'several:2', 'other:1'];
    const here = await Promise.all(
      names.map((name) => isopod.expect(['image', 'inspect', '--format', '{{.Id}}', name])),
    );
    expect(here).toEqual(ids);
    engine.docker(['rmi', '-f', ...names]);
    await isopod.expect(['save', '-o', path('ours.tar'), ...names]);
    engine.docker(['load', '-i', path('ours.tar')]);
    expect(names.map(idOf)).toEqual(ids);
  });

  test('through a registry both know an image by the same digest, whoever pushed it', async () => {
    built('shared:1');
    const [theirs, ours] = [`${registry.host}/theirs:1`, `${registry.host}/ours:1`];
    engine.docker(['tag', 'shared:1', theirs]);
    engine.docker(['push', '-q', theirs]);
    expect(await pulled(theirs)).toBe(idOf('shared:1'));
    const digest = await isopod.expect(['push', '-q', theirs, ours]);
    engine.docker(['pull', '-q', ours]);
    expect(idOf(ours)).toBe(idOf('shared:1'));
    const known = engine.docker(['image', 'inspect', '--format', '{{join .RepoDigests " "}}', ours]).trim().split(' ');
    expect(known).toContain(`${registry.host}/ours@${digest}`);
    expect(known).toContain(`${registry.host}/theirs@${digest}`);
  });

  test('what the engine does not have, and an engine that is not there, is told by name', async () => {
    const refused = await isopod.run(['pull', '-q', 'docker-daemon:nothing:1']);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain(`the Docker engine at ${engine.host} has no image nothing:1`);
  });

  const takes = ZOO.filter(({ name }) => REFUSES[name] === undefined);
  test.for(takes.map((image) => [image.name, image] as const))(
    'the engine makes the same tree of %s',
    async ([name, image]) => {
      const { theirs, ours } = await exported(image);
      const paths = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter(
        (file) => !MOUNT_POINTS.test(file) && JSON.stringify(ours[file]) !== JSON.stringify(theirs[file]),
      );
      // It unpacks as podman does, with the same library; of podman the times of directories are compared, too.
      const known = DIFFERS[name]?.paths ?? image.podmanDiffers?.paths ?? [];
      expect(paths.filter((file) => !known.includes(file))).toEqual([]);
    },
  );

  test.for(ZOO.filter(({ name }) => REFUSES[name] !== undefined).map((image) => [image.name, image] as const))(
    'the engine refuses %s, and its words are told',
    async ([name, image]) => {
      await expect(exported(image)).rejects.toThrow(REFUSES[name]);
    },
  );

  /** The tree of an image as the engine exports it, and as it is copied here. */
  async function exported(image: ZooImage): Promise<{ readonly ours: Tree; readonly theirs: Tree }> {
    const name = `zoo-${image.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
    const whole = buildImage(image.layers, { config: { Cmd: ['/none'] } });
    for (const [file, bytes] of layoutOf(buildIndex([{ image: whole, name: 'latest' }]), [whole])) {
      mkdirSync(dirname(join(path(name), file)), { recursive: true });
      writeFileSync(join(path(name), file), bytes);
    }
    const source = `oci:${path(name)}:latest`;
    await isopod.expect(['copy', '-q', source, `docker-daemon:${name}:1`]);
    expect(idOf(`${name}:1`)).toBe(whole.config.digest);
    const [ours, theirs] = [path(`${name}-ours.tar`), path(`${name}-theirs.tar`)];
    await isopod.expect(['copy', '-q', source, `tar:${ours}`]);
    engine.docker(['export', '-o', theirs, engine.docker(['create', `${name}:1`]).trim()]);
    return { ours: treeOf(ours), theirs: treeOf(theirs) };
  }
});

function treeOf(archive: string): Tree {
  const told = execFileSync('python3', [ARCHIVE_TREE, archive], { encoding: 'utf8', maxBuffer: 1 << 28 });
  return JSON.parse(told) as Tree;
}
