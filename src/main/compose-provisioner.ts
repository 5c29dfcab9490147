import type { Effects } from '../base/effects.ts';
import type { Images } from '../image/images.ts';
import type { WorkerPool } from '../launcher/worker-pool.ts';
import type { BackendName } from '../model/backend.ts';
import type { Step } from '../model/wire.ts';
import { allBackends } from '../provisioner/backends.ts';
import { imageProvisioner } from '../provisioner/image-provisioner.ts';
import type { Provisioner } from '../provisioner/provisioner.ts';
import { stepsInOwnWorker } from '../provisioner/run-steps.ts';

/** The provisioner with every backend there is. */
export function composeProvisioner(
  options: {
    readonly root: string;
    readonly effects: Pick<Effects, 'files' | 'random'>;
    readonly backend?: BackendName | undefined;
  },
  parts: {
    readonly images: Images;
    readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
    readonly workers: Pick<WorkerPool, 'takeWorker'>;
  },
): Provisioner {
  const { images, runHostSteps, workers } = parts;
  const { root: rootDir, backend: agentsChoice } = options;
  const { files, random } = options.effects;
  const run = stepsInOwnWorker(() => workers.takeWorker());
  return imageProvisioner({
    ...{ files, images, agentsChoice },
    backends: allBackends({ files, random, rootDir, runHostSteps, run }),
  });
}
