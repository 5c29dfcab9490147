import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { nodeEffects } from '../../../src/base/effects/node-effects.ts';
import { UndoStack } from '../../../src/base/undo-stack.ts';
import { isolatorCatalog } from '../../../src/isolators/catalog.ts';
import { contribute, prepareIsolators } from '../../../src/isolators/contribute.ts';
import { selectIsolators } from '../../../src/isolators/select.ts';
import { instanceGroups, instanceTree } from '../../../src/launcher/group-tree.ts';
import { makeInstanceGroups } from '../../../src/launcher/instance-groups.ts';
import { placeContainer } from '../../../src/launcher/placement.ts';
import type { CgroupHierarchy } from '../../../src/linux/cgroup-hierarchy.ts';
import { readCgroupHierarchies } from '../../../src/linux/cgroup-mounts.ts';
import { readHostFacts } from '../../../src/linux/host-facts.ts';
import type { ContainerRequest } from '../../../src/model/check-request.ts';
import { parseContainerUid } from '../../../src/model/container-id.ts';
import { completeConfig } from '../../../src/model/container-request.ts';
import type { HostFacts } from '../../../src/model/host-facts.ts';
import type { ImageRuntimeConfig } from '../../../src/model/image-config.ts';
import type { LaunchPlan, RootfsRecipe } from '../../../src/model/launch-plan.ts';
import { compose } from '../../../src/plan/compose.ts';
import type { LaunchChannel } from '../../../src/plan/encode.ts';
import { wantedControllers } from '../../../src/plan/merge.ts';
import { HELPER_BINARY, pidsOf, TestHelper, until } from './helper-client.ts';

const BUSYBOX = '/usr/bin/busybox';
/** A test may compile for long before it launches anything. */
const IDLE_MS = 600_000;
const IMAGE: ImageRuntimeConfig = {
  ...{ entrypoint: [], cmd: ['sh'], env: [], workdir: '', user: '', labels: {}, stopSignal: undefined },
};

/** Everything between a request and a running container, on this very host, without an engine. */
export class PlannedHost {
  readonly effects = nodeEffects();
  readonly helper = new TestHelper();
  readonly instance = `isopod-test-plan-${process.pid}-${this.helper.directory.slice(-6)}`;
  readonly lower = join(this.helper.directory, 'image');
  #hierarchies: readonly CgroupHierarchy[] = [];
  #facts: HostFacts | undefined;
  #count = 0;

  static get isPossible(): boolean {
    return existsSync(BUSYBOX);
  }

  /** Whether this host mounts cgroup v2 and no v1. */
  get unified(): boolean {
    return this.#hierarchies.every(({ version }) => version === 2);
  }

  /** @param leaked descriptors of ours that the helper finds open, from 3 on */
  async start(command: readonly string[] = [HELPER_BINARY], leaked: readonly number[] = []): Promise<void> {
    await this.helper.start(command, ['--idle-ms', String(IDLE_MS)], leaked);
    this.#hierarchies = await readCgroupHierarchies(this.effects.files);
    // In this order, for many knobs are in every group but the root.
    await makeInstanceGroups(this.effects, this.#hierarchies, this.instance);
    this.#facts = await readHostFacts(this.effects.files, {
      hierarchies: this.#hierarchies,
      launcher: 'linux',
    });
    makeImage(this.lower);
    mkdirSync(join(this.helper.directory, 'root'));
  }

  /** What was found out about this host; there once it was started. */
  get facts(): HostFacts {
    if (this.#facts === undefined) throw new Error('the host was not started');
    return this.#facts;
  }

  /** Plans a container of the busybox image, unless the request names another root file system. */
  async plan(
    request: Partial<ContainerRequest>,
  ): Promise<{ readonly plan: LaunchPlan; readonly channel: LaunchChannel }> {
    const uid = parseContainerUid(`${this.#count++}`.padStart(12, '0'));
    const directory = join(this.helper.directory, uid);
    const [sandboxDir, runtimeDir, logDirectory] = ['sandbox', 'runtime', 'logs'].map((name) => join(directory, name));
    for (const path of [sandboxDir, runtimeDir, logDirectory]) mkdirSync(path ?? '', { recursive: true });
    const log = { format: 'raw', maxBytes: 1 << 20, maxFiles: 2 } as const;
    const image = { kind: 'image', reference: 'busybox' } as const;
    const config = completeConfig({ name: uid, rootfs: image, log, ...request });
    const host = this.facts;
    const isolators = selectIsolators({
      catalog: isolatorCatalog({
        files: this.effects.files,
        runHostSteps: async () => {},
        measureDisk: async () => ({ bytes: 0, entries: 0, unread: 0 }),
      }),
      config,
      host,
    });
    const rootfs = this.#recipe(config.rootfs, directory);
    const input = {
      ...{ uid, config, isolators: isolators.map(({ name }) => name), host },
      ...{ sandboxDir: sandboxDir ?? '', runtimeDir: runtimeDir ?? '' },
      ...(config.rootfs.kind === 'image' ? { image: IMAGE } : {}),
      ...(rootfs && { rootfs }),
    };
    const prepared = await prepareIsolators(isolators, input, { undo: new UndoStack() });
    const contributions = contribute(isolators, input, prepared);
    const controllers = wantedControllers(contributions);
    const placement = placeContainer(this.#hierarchies, instanceTree(this.instance), { lineage: [uid], controllers });
    const mountPoint = join(this.helper.directory, 'root');
    const plan = compose({ ...input, contributions, placement, mountPoint, logDirectory: logDirectory ?? '' });
    return { plan, channel: this.channel(uid) };
  }

  channel(name: string): LaunchChannel {
    const stateDirectory = join(this.helper.directory, `state-${name}`);
    mkdirSync(stateDirectory, { recursive: true });
    const socketPath = join(this.helper.directory, `s-${name}`);
    return { stateDirectory, socketPath, controlTicket: Buffer.alloc(16, 1), ownerTicket: new Uint8Array(0) };
  }

  async stop(): Promise<void> {
    await this.helper.stop();
    for (const hierarchy of this.#hierarchies) {
      const { base } = instanceGroups(hierarchy, this.instance);
      for (const group of groupsBelow(base)) {
        await until(`${group} is removed`, () => {
          // Only what this instance has started is in its groups.
          for (const pid of pidsOf(group)) killIfThere(pid);
          return isRemoved(group);
        });
      }
    }
  }

  #recipe(rootfs: ContainerRequest['rootfs'], directory: string): RootfsRecipe | undefined {
    if (rootfs.kind === 'directory') return rootfs;
    if (rootfs.kind === 'none') return undefined;
    const [upperDir, workDir] = [join(directory, 'upper'), join(directory, 'work')];
    return { kind: 'overlay', lowerDirs: [this.lower], upperDir, workDir };
  }
}

/** A root file system of one busybox, with users and groups. */
export function makeImage(directory: string): void {
  for (const name of ['bin', 'etc', 'tmp']) mkdirSync(join(directory, name), { recursive: true });
  copyFileSync(BUSYBOX, join(directory, 'bin/busybox'));
  chmodSync(join(directory, 'bin/busybox'), 0o755);
  for (const name of [
    'sh',
    'cat',
    'ls',
    'id',
    'hostname',
    'grep',
    'sleep',
    'touch',
    'echo',
    'readlink',
    'stat',
    'wc',
  ]) {
    symlinkSync('busybox', join(directory, 'bin', name));
  }
  writeFileSync(join(directory, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nweb:x:1000:1000::/home/web:/bin/sh\n');
  writeFileSync(join(directory, 'etc/group'), 'root:x:0:\nweb:x:1000:\nextra:x:2000:web\n');
  writeFileSync(join(directory, 'etc/data'), 'not a program\n');
}

function groupsBelow(group: string): readonly string[] {
  if (!existsSync(group)) return [];
  const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...below.flatMap((entry) => groupsBelow(join(group, entry.name))), group];
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** A group is busy until the last process in it was reaped. */
function isRemoved(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EBUSY') return false;
    throw error;
  }
}
