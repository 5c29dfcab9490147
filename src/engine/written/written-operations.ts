import type { Container } from '../container.ts';
import { copyRoot } from '../copy-root.ts';
import { tellImage } from '../happenings.ts';
import type { EngineHost } from '../host.ts';
import { type Operate, readTree } from '../tree-access.ts';
import { parseChanges } from './change-list.ts';
import { commitContainer } from './commit.ts';
import type { FileChange, WrittenOperations } from './written-facade.ts';
import { writesNothing, writtenAccess, writtenErrors } from './written-tree.ts';

/** @param operate counts an operation, so that idleness and closing know of it */
export function writtenOperations(host: EngineHost, operate: Operate): WrittenOperations {
  return {
    changes: async (id, signal) => {
      if (await operate(() => writesNothing(host, host.registry.get(id)))) return nothing();
      const access = () => writtenAccess(host, host.registry.get(id));
      const list = readTree(host, operate, { access, read: ({ tree, leftOut }) => tree.pack('list', leftOut) }, signal);
      return parseChanges(await list);
    },
    whole: (id, signal) => {
      const access = () => wholeAccess(host, host.registry.get(id));
      return readTree(host, operate, { access, read: (copy) => copy.packRoot() }, signal);
    },
    commit: (id, request, signal) =>
      operate(async () => {
        const image = await commitContainer(host, host.registry.get(id), request, signal);
        const told = { events: host.events, nowMs: () => host.effects.clock.nowMs() };
        tellImage(told, 'committed', { name: request.reference ?? '', image });
        return image;
      }),
  };
}

async function* nothing(): AsyncGenerator<FileChange> {}

function wholeAccess(host: EngineHost, container: Container) {
  return {
    container,
    path: '/',
    find: async () => {
      const { uid, config } = container;
      if (config.rootfs.kind === 'none') throw writtenErrors.hostRoot({ uid, what: 'it has no root of its own' });
      const root = await copyRoot(host, container, false);
      return (worker: Parameters<Awaited<ReturnType<ReturnType<typeof writtenAccess>['find']>>>[0]) =>
        worker.enterRoot(root);
    },
  };
}
