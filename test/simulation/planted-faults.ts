import type { Files, Frame, HelperConnection, HelperPort } from '../../src/base/effects.ts';
import { decodeMessage, encodeMessage, messageName } from '../../src/model/wire-codec.ts';
import { systemError } from './fake-disk.ts';
import type { Sabotage } from './world.ts';

/** Replaces the files of an engine by broken ones. */
export function withFiles(broken: (files: Files) => Partial<Files>): Sabotage {
  return (effects) => ({ ...effects, files: { ...effects.files, ...broken(effects.files) } });
}

/** What becomes of the frames between an engine and its helper; `undefined` loses one. */
interface FrameFault {
  readonly sent?: (frame: Frame) => Frame | undefined;
  readonly received?: (frame: Frame) => Frame | undefined;
}

function withFrames({ sent, received }: FrameFault): Sabotage {
  const broken = (connection: HelperConnection): HelperConnection => ({
    send: async (type, payload = new Uint8Array(0)) => {
      const frame = sent === undefined ? { type, payload } : sent({ type, payload });
      if (frame !== undefined) await connection.send(frame.type, frame.payload);
    },
    sendRaw: (bytes) => connection.sendRaw(bytes),
    end: () => connection.end(),
    close: () => connection.close(),
    closed: connection.closed,
    receive: async (signal) => {
      for (;;) {
        const frame = await connection.receive(signal);
        if (frame === undefined || received === undefined) return frame;
        const left = received(frame);
        if (left !== undefined) return left;
      }
    },
  });
  return withHelper((helper) => ({ connect: async (path, signal) => broken(await helper.connect(path, signal)) }));
}

function withHelper(broken: (helper: HelperPort) => Partial<HelperPort>): Sabotage {
  return (effects) => ({ ...effects, helper: { ...effects.helper, ...broken(effects.helper) } });
}

/** Steps that the helper is asked for and does not do. */
function withoutSteps(isLost: (op: string, path: string) => boolean): Sabotage {
  return withFrames({
    sent: (frame) => {
      if (messageName(frame) !== 'run') return frame;
      const { hostSteps } = decodeMessage('run', frame);
      const left = hostSteps.filter(({ op, values }) => !isLost(op, String(values.path ?? values.directory ?? '')));
      return encodeMessage('run', { hostSteps: left });
    },
  });
}

/** Faults of an engine in its dealings with the helper, by what it does wrong. */
export const FAULTS_OF_FRAMES: Readonly<Record<string, Sabotage>> = {
  'tells every end as a success': withFrames({
    received: (frame) => {
      if (messageName(frame) !== 'exited') return frame;
      return encodeMessage('exited', { ...decodeMessage('exited', frame), waitStatus: 0 });
    },
  }),
  'swallows the end that a monitor tells': withFrames({
    received: (frame) => (messageName(frame) === 'exited' ? undefined : frame),
  }),
  'never lets a monitor go': withFrames({ sent: (frame) => (messageName(frame) === 'release' ? undefined : frame) }),
  'skips the removal of groups': withoutSteps((op) => op === 'remove-cgroup'),
  'leaves what a container wrote': withoutSteps((op, path) => op === 'remove-tree' && path.endsWith('/containers')),
  'leaves what is of this boot': withoutSteps((op, path) => op === 'remove-tree' && path.endsWith('/c')),
  'leaves a container standing still that is told to go on': withoutSteps((op) => op === 'freeze-cgroup'),
  'writes half of the knobs of an update': withoutSteps((_op, path) => path.endsWith('/memory.swap.max')),
  'takes a monitor that is there for gone': withHelper((helper) => ({
    connect: (path, signal) =>
      path.includes('/s/') ? Promise.reject(systemError('ENOENT', path)) : helper.connect(path, signal),
  })),
};

/** Faults in its dealings with files. */
export const FAULTS_OF_FILES: Readonly<Record<string, Sabotage>> = {
  'sends start before its checkpoint is written': (effects) => ({
    ...effects,
    files: {
      ...effects.files,
      writeAtomic: async (path, content, options) => {
        const write = () => effects.files.writeAtomic(path, content, options);
        if (!/\/(config|plan)\.json$/.test(path)) return write();
        // A moment later, when all else that can go on has gone on; the directory may be gone by then.
        void effects.clock
          .sleep(0)
          .then(write)
          .catch(() => {});
      },
    },
  }),
  'loses the record of a container': withFiles((files) => ({
    writeAtomic: async (path, content, options) => {
      if (!path.startsWith('/var') || !path.endsWith('/config.json')) await files.writeAtomic(path, content, options);
    },
  })),
  'loses what finds a monitor again': withFiles((files) => ({
    writeAtomic: async (path, content, options) => {
      if (!path.endsWith('/plan.json')) await files.writeAtomic(path, content, options);
    },
  })),
  'loses the record of an end': withFiles((files) => ({
    writeAtomic: async (path, content, options) => {
      if (!path.endsWith('/termination.json')) await files.writeAtomic(path, content, options);
    },
  })),
  'records another exit status': withFiles((files) => ({
    writeAtomic: (path, content, options) =>
      files.writeAtomic(path, String(content).replace(/"code":\d+/, '"code":99'), options),
  })),
  'does not note an update before its first knob': withFiles((files) => ({
    writeAtomic: async (path, content, options) => {
      if (!path.endsWith('/update.json')) await files.writeAtomic(path, content, options);
    },
  })),
  'keeps the note of an update that is done': withFiles((files) => ({
    removeFile: async (path) => {
      if (!path.endsWith('/update.json')) await files.removeFile(path);
    },
  })),
  'does not sync the record of a container': withFiles((files) => ({
    writeAtomic: (path, content, options) => files.writeAtomic(path, content, { ...options, durability: 'volatile' }),
  })),
  'forgets what a container lives in': withFiles((files) => ({
    writeAtomic: (path, content, options) =>
      files.writeAtomic(path, String(content).replace(/"parent":"[0-9a-f]{12}",/, ''), options),
  })),
  'does not sync directories': withFiles(() => ({ syncDirectory: async () => {} })),
  'forgets to remove the record before the rest': withFiles((files) => ({
    removeFile: async (path) => {
      if (!path.endsWith('/config.json')) await files.removeFile(path);
    },
  })),
  'leaves the sockets of killed monitors': withFiles((files) => ({
    removeFile: async (path) => {
      if (!path.includes('/s/')) await files.removeFile(path);
    },
  })),
  'leaves unfinished files': withFiles((files) => ({
    removeFile: async (path) => {
      if (!path.includes('/.tmp-')) await files.removeFile(path);
    },
  })),
  'takes every boot for the same': withFiles((files) => ({
    readText: async (path) => (path.endsWith('/boot_id') ? 'boot-1\n' : files.readText(path)),
  })),
  'overlooks containers when it starts': withFiles((files) => ({
    list: async (directory) => {
      const names = await files.list(directory);
      return directory.endsWith('/containers') ? names.slice(1) : names;
    },
  })),
};
