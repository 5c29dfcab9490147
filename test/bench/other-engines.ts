import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LaunchPlan } from '../../src/model/launch-plan.ts';
import type { DockerEngine } from '../support/docker-engine.ts';
import { makeBusyboxRootfs } from './busybox-image.ts';
import { makeBundle } from './oci-bundle.ts';
import { commandRow, type Row } from './rows.ts';

export interface PreparedEngine {
  readonly name: string;
  /** Runs a shell script in a container of this engine. @returns its output */
  probe(script: string): string;
}

export interface OtherEngines {
  /** Makes bundles after the plan; engines that cannot run here are named and left out. */
  prepare(plan: LaunchPlan): readonly PreparedEngine[];
  rows(): readonly Row[];
  release(): void;
}

const HUGETLB = '/sys/fs/cgroup/hugetlb';
const CANDIDATES = ['crun', 'runc'];

/**
 * crun and runc as they are installed, and a Docker engine where there is one. crun wants every v1 controller mounted, so a missing
 * hugetlb hierarchy is lent for the run.
 */
export function otherEngines(directory: string, docker: DockerEngine | undefined): OtherEngines {
  const unmount = lendHugetlb();
  const usable: string[] = [];
  const bundle = (name: string, kind: string) => join(directory, `bundle-${name}-${kind}`);
  return {
    prepare: (plan) => {
      const prepared = CANDIDATES.filter((name) => isInstalled(name)).flatMap((name) => {
        makeBundle(bundle(name, 'true'), plan, ['/bin/true']);
        const trial = spawnSync(name, ['run', '--bundle', bundle(name, 'true'), `isopod-bench-trial-${process.pid}`], {
          encoding: 'utf8',
        });
        if (trial.status !== 0) {
          process.stdout.write(`  ${name} cannot run here: ${trial.stderr.trim()}\n`);
          return [];
        }
        usable.push(name);
        return [
          {
            name,
            probe: (script: string) =>
              probeBundle(name, makeBundle(bundle(name, 'probe'), plan, ['/bin/sh', '-c', script])),
          },
        ];
      });
      if (docker === undefined) process.stdout.write('  there is no Docker engine\n');
      return prepared;
    },
    rows: () => [
      ...usable.map((name) =>
        commandRow(`${name} run`, [name, 'run', '--bundle', bundle(name, 'true'), 'isopod-bench-{}']),
      ),
      ...dockerRows(directory, docker),
    ],
    release: unmount,
  };
}

const DOCKER_IMAGE = 'isopod-bench:1';

/** With our limits and root file system. Of processor time its command's is counted alone, not that of its engine. */
function dockerRows(directory: string, docker: DockerEngine | undefined): readonly Row[] {
  if (docker === undefined) return [];
  const archive = join(directory, 'docker.tar');
  execFileSync('tar', ['-C', makeBusyboxRootfs(join(directory, 'docker-rootfs')), '-cf', archive, '.']);
  docker.docker(['import', archive, DOCKER_IMAGE]);
  const limits = ['-m', '64m', '--pids-limit', '64', '--cpus', '0.5'];
  const words = ['run', '--rm', '--network', 'none', ...limits, DOCKER_IMAGE, '/bin/true'];
  return [commandRow('docker run', [...docker.command, ...words])];
}

function probeBundle(name: string, bundle: string): string {
  return execFileSync(name, ['run', '--bundle', bundle, `isopod-bench-probe-${process.pid}`], { encoding: 'utf8' });
}

function isInstalled(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

function lendHugetlb(): () => void {
  const isV1Host = readFileSync('/proc/self/mounts', 'utf8').includes(' cgroup rw');
  if (!isV1Host || existsSync(HUGETLB)) return () => {};
  mkdirSync(HUGETLB);
  const mounted = spawnSync('mount', ['-t', 'cgroup', '-o', 'hugetlb', 'none', HUGETLB]).status === 0;
  return () => {
    // A hierarchy with groups in it would live on, unmounted.
    for (let tries = 0; tries < 50 && ownGroups().length > 0; tries += 1) spawnSync('sleep', ['0.1']);
    if (mounted) spawnSync('umount', [HUGETLB]);
    rmdirSync(HUGETLB);
  };
}

function ownGroups(): readonly string[] {
  return readdirSync(HUGETLB).filter((name) => name.startsWith('isopod-'));
}
