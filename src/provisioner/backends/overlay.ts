import { errnoName } from '../../linux/errno.ts';
import { type Step, step } from '../../model/wire.ts';
import type { Backend } from '../backend.ts';
import { BackendProbe, isRefusal } from '../backend-probe.ts';

export interface OverlayParts {
  readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
  readonly rootDir: string;
}

/** Layers stacked by an overlay mount that the launch itself makes. */
export function overlayBackend(parts: OverlayParts): Backend {
  const probe = new BackendProbe({
    ...parts,
    name: 'overlay-probe',
    steps: (top) => [
      step('overlay', 'create-overlay', {
        ...{ slot: 0, lower: [`${top}/lower`], upper: `${top}/upper`, work: `${top}/work`, attributes: 0 },
      }),
    ],
    means: (errno) =>
      isRefusal(errno)
        ? {
            why: `the kernel refuses an overlay: ${errnoName(errno)}`,
            remedy:
              'load its module with modprobe overlay, put the root directory on a file system that can be an upper layer (ext4, xfs, btrfs), or take --backend copy',
          }
        : undefined,
  });
  return {
    name: 'overlay',
    obstacle: () => probe.obstacle(),
    recipe: (layers, { upperDir, workDir }) => ({
      ...{ kind: 'overlay', lowerDirs: layers.map(({ directory }) => directory), upperDir, workDir },
    }),
  };
}
