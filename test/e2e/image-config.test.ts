import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeBusyboxLayout } from '../bench/busybox-image.ts';
import { missingPrograms } from '../support/registry.ts';
import { Installation, until } from './support/installation.ts';

const missing = [...missingPrograms(['umoci']), ...(existsSync('/bin/busybox') ? [] : ['busybox'])];
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';
const SCRIPT = 'trap "exit 9" INT; echo $(id -un) $(pwd) $FROM_IMAGE $0; while :; do sleep 0.05; done';

describe.skipIf(missing.length > 0)(`what the config of an image says${lacks}`, () => {
  let isopod: Installation;
  let image: string;
  beforeAll(() => {
    isopod = new Installation();
    const layout = makeBusyboxLayout(join(isopod.directory, 'image'));
    const config = {
      user: ['nobody'],
      workingdir: ['/made/by us'],
      stopsignal: ['SIGINT'],
      env: ['FROM_IMAGE=yes'],
      label: ['tier=any', 'maker=us'],
      entrypoint: ['/bin/sh', '-c'],
      cmd: [SCRIPT],
    };
    const words = Object.entries(config).flatMap(([name, values]) =>
      values.flatMap((value) => [`--config.${name}`, value]),
    );
    execFileSync('umoci', ['config', '--image', `${layout}:latest`, '--tag', 'told', ...words], { stdio: 'pipe' });
    image = `oci:${layout}:told`;
  });
  afterAll(() => isopod?.close());
  afterEach(async () => {
    const uids = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean);
    if (uids.length > 0) await isopod.expect(['rm', '-f', ...uids]);
  });

  test('is obeyed: user, working directory, environment, entrypoint, cmd, stop signal', async () => {
    await isopod.expect(['run', '-d', '--name', 'told', image]);
    await until('it has spoken', async () => (await isopod.expect(['logs', 'told'])) !== '');
    expect(await isopod.expect(['logs', 'told'])).toBe('nobody /made/by us yes /bin/sh');
    await isopod.expect(['stop', 'told']);
    expect(await isopod.expect(['wait', 'told'])).toBe('9');
  });

  test.each([
    ['a command replaces the cmd', ['IMAGE', 'echo "$FROM_IMAGE"'], 'yes'],
    ['an entrypoint drops the cmd', ['--entrypoint', '/bin/echo', 'IMAGE', 'only', 'this'], 'only this'],
    ['an empty entrypoint leaves the command alone', ['--entrypoint', '', 'IMAGE', 'echo', 'alone'], 'alone'],
    ['user and directory', ['-u', '0', '-w', '/tmp', 'IMAGE', 'echo $(id -u) $(pwd)'], '0 /tmp'],
    ['a group alone', ['-u', ':55', 'IMAGE', 'echo $(id -u) $(id -g)'], '0 55'],
    ['a variable without a value', ['-e', 'FROM_IMAGE', 'IMAGE', 'env | grep -c FROM_IMAGE || :'], '0'],
    ['a variable', ['-e', 'FROM_IMAGE=caller', 'IMAGE', 'echo $FROM_IMAGE'], 'caller'],
  ])('gives way to the caller: %s', async (_what, words, output) => {
    const filled = words.map((word) => (word === 'IMAGE' ? image : word));
    expect(await isopod.expect(['run', '--rm', ...filled])).toBe(output);
  });

  test('gives the container its labels, below its own, in lists, filters and events, after a new start of it too', async () => {
    const names = async (filter: string): Promise<string> =>
      isopod.expect(['ps', '-a', '--filter', `label=${filter}`, '--format', '{{.Names}}']);
    await isopod.expect(['run', '-d', '--name', 'labelled', '--label', 'tier=front', image]);
    const labels = async (): Promise<string> =>
      isopod.expect(['inspect', '--format', '{{json .config.labels}} {{json .inheritedLabels}}', 'labelled']);
    expect(await labels()).toBe('{"maker":"us","tier":"front"} ["maker"]');
    expect([await names('maker=us'), await names('tier=front'), await names('tier=any')]).toEqual([
      'labelled',
      'labelled',
      '',
    ]);
    await isopod.expect(['stop', 'labelled']);
    await isopod.expect(['start', 'labelled']);
    expect(await labels()).toBe('{"maker":"us","tier":"front"} ["maker"]');
    await isopod.endAgent();
    expect(await labels()).toBe('{"maker":"us","tier":"front"} ["maker"]');
  });

  test('explain --actual holds a container against its own plan, though its image and volume lost their names', async () => {
    const volume = join(isopod.directory, 'volume');
    mkdirSync(volume);
    execFileSync('umoci', ['tag', '--image', image.slice('oci:'.length), 'other']);
    await isopod.expect(['pull', image.replace(/told$/, 'other')]);
    await isopod.expect(['run', '-d', '--name', 'kept', '-v', `${volume}:/data`, image, 'sleep 100']);
    await isopod.expect(['rmi', image]);
    rmdirSync(volume);
    const { code, stdout } = await isopod.run(['explain', '--actual', 'kept']);
    expect(stdout).toMatch(/ok\s+rootfs\s+filesystem\/linux\s+overlay\s+overlay/);
    expect(stdout).not.toContain('DIFFERS');
    expect(code).toBe(0);
    await isopod.expect(['rm', '-f', 'kept']);
    await isopod.expect(['rmi', image.replace(/told$/, 'other')]);
  });

  test('an image that a container uses stays until the container is removed', async () => {
    await isopod.expect(['run', '-d', '--name', 'user', image]);
    const refused = await isopod.run(['rmi', image]);
    expect(refused.stderr).toContain('is used by a container');
    expect(refused.code).toBe(1);
    await isopod.expect(['rm', '-f', 'user']);
    expect(await isopod.expect(['rmi', image])).toContain('deleted sha256:');
  });
});
