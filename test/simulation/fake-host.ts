import { untilAborted } from '../../src/base/deadline.ts';
import type { Effects } from '../../src/base/effects.ts';
import type { Fetcher } from '../../src/fetcher/fetcher.ts';
import { testImages } from '../../src/image/images.fixture.ts';
import type { Images } from '../../src/image/images.ts';
import type { ImageTransfers } from '../../src/image/transfer/image-transfers.ts';
import type { Isolator, UpdateContribution, UpdateInput } from '../../src/isolators/isolator.ts';
import { pidNamespace } from '../../src/isolators/namespaces/pid.ts';
import type { Browser } from '../../src/linux/browse.ts';
import { parseDigest } from '../../src/model/digest.ts';
import type { HostFacts } from '../../src/model/host-facts.ts';
import type { Image } from '../../src/model/image-config.ts';
import type { Provisioner } from '../../src/provisioner/provisioner.ts';
import { systemError } from './fake-disk.ts';

export const HOST_FACTS: HostFacts = {
  ...{
    launcher: 'linux',
    uid: 0,
    hostname: 'simulated',
    cpuCount: 2,
    cpuList: '0-1',
    memoryNodeList: '0',
    hugePageSizes: ['2MB', '1GB'],
    cgroupFeatures: [],
    lastCapability: 40,
    hasSeccomp: true,
    labelAttributes: {},
    architecture: 'x86_64',
    kernel: { major: 6, minor: 18 },
    availableCapabilities: [],
    boundingCapabilities: [],
  },
  controllers: { memory: 2 },
};

const ID = parseDigest(`sha256:${'a'.repeat(64)}`);

const IMAGE: Image = {
  ...{
    id: ID,
    manifestDigest: ID,
    manifestDigests: {},
    references: ['image'],
    chainIds: [ID],
    layerBytes: [1],
    sizeBytes: 1,
    createdAt: undefined,
  },
  ...{ architecture: 'amd64', os: 'linux' },
  config: {
    ...{ entrypoint: [], cmd: [], env: [], workdir: '/', user: '', labels: {} },
    stopSignal: 'SIGTERM',
  },
};

const refuseTransfer = async (): Promise<never> => {
  throw new Error('no image comes or goes here');
};

/** Images stay where they are. */
export const fakeTransfers: ImageTransfers = {
  ...{ copy: refuseTransfer, push: refuseTransfer, save: refuseTransfer, load: refuseTransfer, import: refuseTransfer },
};

/** A store with one image that is called `image`. */
export function fakeImages(): Images {
  return testImages({
    find: async (text) => (text === 'image' || text === ID ? IMAGE : undefined),
    pull: async (reference) => {
      throw systemError('ENOENT', reference);
    },
    list: async () => [IMAGE],
  });
}

export function fakeProvisioner(): Provisioner {
  return {
    recipe: async (_uid, _image, { upperDir, workDir }) => ({
      ...{ kind: 'overlay', lowerDirs: ['/layers/one'], upperDir, workDir },
    }),
    layers: async () => ['/layers/one'],
    provide: async (recipe) => recipe,
    foresee: async (recipe) => recipe,
    verifyLayer: async () => undefined,
    removeOrphans: async () => {},
    recover: async () => {},
  };
}

/** Servers that never answer: what is fetched comes when it is given up. */
export function fakeFetcher(): Fetcher {
  return {
    open: (_item, signal) => untilAborted(new Promise<never>(() => {}), signal),
    recover: async () => {},
  };
}

/** Isolators that use every hook: a file in `prepare`, a group with a knob, a question at the end, a cleanup. */
export function fakeIsolators({ files }: Effects): readonly Isolator[] {
  return [
    {
      name: 'filesystem/linux',
      requires: [],
      plan: ({ rootfs }) => ({ namespaces: ['mount'], ...(rootfs && { rootfs }) }),
    },
    pidNamespace(),
    {
      name: 'network/none',
      requires: [],
      prepare: async ({ runtimeDir }, undo) => {
        const file = `${runtimeDir}/hosts`;
        await files.makeDirectory(runtimeDir, { parents: true });
        await files.writeAtomic(file, 'hosts');
        undo.push('hosts', () => files.removeFile(file));
        return { file };
      },
      plan: ({ prepared }) => ({ environment: [`HOSTS=${prepared?.file}`] }),
    },
    {
      name: 'cgroups/memory',
      requires: [],
      plan: memoryBounds,
      update: memoryBounds,
      limitation: async ({ groups }) => {
        await readOrNothing(files, `${groups.memory?.path}/memory.events`);
        return undefined;
      },
      cleanup: async ({ runtimeDir }) => {
        await files.exists(`${runtimeDir}/hosts`);
      },
    },
    { name: 'runtime/image', requires: [], plan: ({ config }) => ({ command: config.command ?? [] }) },
  ];
}

/** Two knobs for one limit: what changes one of them alone shows. */
function memoryBounds({ config }: UpdateInput): UpdateContribution {
  const { memoryLimitBytes: limit } = config.resources;
  const files = limit === undefined ? [] : ['memory.max', 'memory.swap.max'];
  return { cgroup: { controller: 'memory', knobs: files.map((file) => ({ file, value: `${limit}` })) } };
}

async function readOrNothing(files: Effects['files'], path: string): Promise<string> {
  try {
    return await files.readText(path);
  } catch {
    return '';
  }
}

/** Looks at the files of an engine, which no container writes here. */
export function fakeBrowser({ files }: Effects): Browser {
  return {
    listFiles: async (directory, path) => {
      const names = await files.list(`${directory}/${path}`);
      const about = { mode: 0o100600, uid: 0, gid: 0, links: 1, sizeBytes: 0, mtimeNs: 0n };
      return { entries: names.map((name) => ({ name, ...about })), isComplete: true };
    },
    readFile: async (directory, path, { offset, length }) => {
      const bytes = await files.readBytes(`${directory}/${path}`);
      return { sizeBytes: bytes.length, data: bytes.subarray(offset, offset + length) };
    },
  };
}
