import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendName } from '../../src/model/backend.ts';
import { shellConfig } from '../kernel/support/shell-config.ts';
import type { Actor, Operation } from './operations.ts';

const COMMITTED = 'committed:1';
const WRITES = 'echo written > /new; busybox rm /data/changed; dd if=/dev/urandom of=/large bs=64k count=8 2>/dev/null';
const READY_MS = 20_000;

async function pull({ engine, image }: Actor): Promise<void> {
  await engine.pullImage(image, {});
}

async function launch(actor: Actor, command: string, backend: BackendName = 'overlay'): Promise<string> {
  const rootfs = { kind: 'image', reference: actor.image } as const;
  const config = shellConfig('one', command, { rootfs, env: ['PATH=/bin'], backend });
  const { uid, pid = 0 } = (await actor.engine.launch(config)).status;
  actor.tell({ kind: 'launched', uid, pid, autoRemove: false });
  return uid;
}

/** A container that runs and has written. */
async function written(actor: Actor, backend: BackendName): Promise<void> {
  await pull(actor);
  const uid = await launch(actor, `${WRITES}; echo > /ready; exec sleep 1000`, backend);
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const isThere = await actor.engine.files.lookAt(uid, '/ready', false).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    if (performance.now() > deadline) throw new Error(`container ${uid} has not written`);
    await sleep(20);
  }
}

function commitOf(backend: BackendName): Operation {
  return {
    prepare: (actor) => written(actor, backend),
    act: ({ engine }) => {
      const request = { reference: COMMITTED, changes: [], pause: true };
      return engine.written.commit('one', request, new AbortController().signal);
    },
  };
}

/** What makes something of images; each begins on a store that has none. */
export const IMAGE_OPERATIONS: Readonly<Record<string, Operation>> = {
  commit: commitOf('overlay'),
  'launch with a copy': { prepare: pull, act: (actor) => launch(actor, 'exec sleep 1000', 'copy') },
  'launch with erofs images': { prepare: pull, act: (actor) => launch(actor, 'exec sleep 1000', 'erofs') },
};
