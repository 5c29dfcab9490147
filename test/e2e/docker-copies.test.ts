import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DockerEngine, hasDockerEngine, startDockerEngine } from '../support/docker-engine.ts';
import { missingPrograms } from '../support/registry.ts';
import { Installation } from './support/installation.ts';

const missing = [...missingPrograms(['setpriv', '/bin/busybox']), ...(hasDockerEngine() ? [] : ['a Docker engine'])];
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';

/** What a copy begins with, here and in the container. */
const HERE =
  'rm -rf here && mkdir -p here/exist/sub && cd here && echo f >file && echo s >exist/sub/s && ln -s file link && ln -s exist dlink';
const THERE = [
  'rm -rf /a /dst /e /fresh /new /no /b /todst /dangling /dirlink /nowhere',
  'mkdir -p /a/b /dst /e; echo one >/a/one; echo two >/a/b/two; ln -s one /a/link',
  'ln -s /a /dirlink; ln -s nowhere /dangling; ln -s /dst /todst',
].join('\n');
const tell = (root: string): string =>
  `find ${root} 2>/dev/null | while read -r f; do if [ -L "$f" ]; then echo "$f -> $(readlink "$f")"; elif [ -f "$f" ]; then echo "$f = $(cat "$f")"; else echo "$f/"; fi; done | sort`;
const THERE_NOW = tell('/a /dst /e /fresh /new /no /b /todst /dangling /dirlink /nowhere');

/** `here/` is a directory of this side, `c1:` the container. */
const COPIES = [
  ...[
    'c1:/a here/x',
    'c1:/a here/exist',
    'c1:/a/ here/exist',
    'c1:/a/. here/exist',
    'c1:/a/. here/newdir',
    'c1:/a here/file',
  ],
  ...[
    'c1:/a/one here/f',
    'c1:/a/one here/exist',
    'c1:/a/one here/exist/',
    'c1:/a/one here/nodir/',
    'c1:/a/one here/no/such',
  ],
  ...[
    'c1:/a/one here/file',
    'c1:/a/link here/l',
    'c1:/dirlink here/dl',
    'c1:/dirlink/ here/dl',
    'c1:/dirlink/. here/dl',
  ],
  ...['c1:/dangling here/d', 'c1:/nothing here/q', 'here/file c1:/dst', 'here/file c1:/dst/', 'here/file c1:/new'],
  ...[
    'here/file c1:/new/',
    'here/file c1:/no/such',
    'here/exist c1:/dst',
    'here/exist c1:/fresh',
    'here/exist/. c1:/dst',
  ],
  ...[
    'here/exist/. c1:/fresh',
    'here/exist/ c1:/dst',
    'here/exist c1:/a/one',
    'here/file c1:/a/link',
    'here/file c1:/todst',
  ],
  ...['here/exist c1:/todst', 'here/link c1:/dst', 'here/dlink c1:/dst', 'here/dlink/ c1:/dst', 'here/dlink/. c1:/dst'],
  ...['here/none c1:/dst', 'here/file c1:dst', 'here/file c1:/dangling', 'here/file none:/x', 'here/file here/other'],
];

type Run = (words: readonly string[]) => { readonly status: number | null; readonly stdout: string };

describe.skipIf(missing.length > 0)(`isopod cp beside docker cp${lacks}`, () => {
  let isopod: Installation;
  let engine: DockerEngine;
  const docker: Run = (words) => runIn(engine.command, words);
  const ours: Run = (words) => runIn([isopod.command], words);

  function runIn([command = '', ...before]: readonly string[], words: readonly string[]) {
    return spawnSync(command, [...before, ...words], { encoding: 'utf8', cwd: isopod.directory, env: isopod.env });
  }

  beforeAll(async () => {
    engine = await startDockerEngine();
    isopod = new Installation();
    const applets = ['sh', 'echo', 'cat', 'ls', 'mkdir', 'rm', 'ln', 'find', 'readlink', 'sort', 'sleep'];
    const links = applets.map((name) => `ln -s busybox rootfs/bin/${name}`).join(' && ');
    const make = `mkdir -p rootfs/bin && cp /bin/busybox rootfs/bin && ${links} && tar -C rootfs -cf rootfs.tar .`;
    execFileSync('sh', ['-c', make], { cwd: isopod.directory });
    const archive = join(isopod.directory, 'rootfs.tar');
    engine.docker(['import', archive, 'box:1']);
    await isopod.expect(['import', archive, 'box:1']);
    for (const run of [docker, ours]) {
      const words = ['run', '-d', '--name', 'c1', '--network', 'none', 'box:1', '/bin/sleep', '1000'];
      expect(run(words).status).toBe(0);
    }
  });
  afterAll(async () => {
    if (engine !== undefined) docker(['rm', '-f', 'c1']);
    await isopod?.close();
    await engine?.stop();
  });

  /** Whether a copy went well, and what there is on both sides afterwards. */
  function outcome(run: Run, copy: string) {
    execFileSync('sh', ['-c', HERE], { cwd: isopod.directory });
    expect(run(['exec', 'c1', '/bin/sh', '-c', THERE]).status).toBe(0);
    const isDone = run(['cp', ...copy.split(' ')]).status === 0;
    const here = execFileSync('sh', ['-c', tell('here')], { cwd: isopod.directory, encoding: 'utf8' });
    return { isDone, here, there: run(['exec', 'c1', '/bin/sh', '-c', THERE_NOW]).stdout };
  }

  test.for(COPIES)('cp %s ends as it does with docker, and leaves the same on both sides', (copy) => {
    const theirs = outcome(docker, copy);
    expect(theirs.there).toContain('/a/b/two = two\n');
    expect(outcome(ours, copy)).toEqual(theirs);
  });

  test('a copy from one container into another, which docker refuses, is made', () => {
    expect(docker(['cp', 'c1:/a', 'c1:/b']).status).not.toBe(0);
    const { isDone, there } = outcome(ours, 'c1:/a c1:/b');
    expect(isDone).toBe(true);
    expect(there).toContain('/b/b/two = two\n');
  });
});
