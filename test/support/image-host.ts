import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { createImages, type ImageStoreOptions } from '../../src/image/image-store.ts';
import type { Images } from '../../src/image/images.ts';
import type { ImageLimits } from '../../src/image/limits.ts';
import { connectWorker } from '../../src/linux/helper-worker.ts';

const BUILD = join(import.meta.dirname, '../../.build');
export const HELPER = join(BUILD, 'isopod-helper');
export const HELLO = join(BUILD, 'isopod-hello');

/** A fork server of its own and a root directory for images, both gone after `dispose`. */
export interface ImageHost {
  readonly directory: string;
  readonly root: string;
  readonly socket: string;
  open(limits?: Partial<ImageLimits>, options?: Partial<ImageStoreOptions>): Images;
  /** Removes what was pulled, for the next test. */
  empty(): void;
  /** Names of what is being unpacked or written just now. */
  unfinished(): readonly string[];
  dispose(): Promise<void>;
}

export async function imageHost(): Promise<ImageHost> {
  const effects = nodeEffects();
  const directory = mkdtempSync(join(tmpdir(), 'isopod-image-host-'));
  const socket = join(directory, 'helper.sock');
  const root = join(directory, 'root');
  const logPath = join(directory, 'helper.log');
  await effects.helper.startForkServer({ binary: HELPER, socketPath: socket, cgroups: [], logPath });
  const connect = (signal?: AbortSignal) => connectWorker(effects, socket, signal);
  return {
    directory,
    root,
    socket,
    open: (limits = {}, options = {}) =>
      createImages({ effects, root, connectWorker: connect, embeddedPrograms: { hello: HELLO }, limits, ...options }),
    empty: () => rmSync(root, { recursive: true, force: true }),
    unfinished: () =>
      existsSync(root)
        ? readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => /(?:^|\/)\.?tmp-[^/]*$/.test(path))
        : [],
    dispose: async () => {
      const worker = await connect();
      await worker.retire();
      worker.close();
      await worker.closed;
      rmSync(directory, { recursive: true });
    },
  };
}
