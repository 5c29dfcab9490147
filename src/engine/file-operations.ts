import type { TreeCopy } from '../linux/tree-copy.ts';
import type { Container } from './container.ts';
import { copyRoot } from './copy-root.ts';
import { fileErrors } from './file-errors.ts';
import type { FileOperations } from './file-facade.ts';
import type { EngineHost } from './host.ts';
import { type Operate, readTree, type TreeAccess, withTree } from './tree-access.ts';

/** @param operate counts an operation, so that idleness and closing know of it */
export function fileOperations(host: EngineHost, operate: Operate): FileOperations {
  return {
    lookAt: (id, path, followLink) =>
      operate(() =>
        withTree(host, copyAccess(host, host.registry.get(id), path), (copy) => copy.lookAt(path, followLink)),
      ),
    read: (id, request, signal) =>
      readTree(
        host,
        operate,
        {
          access: () => copyAccess(host, host.registry.get(id), request.path),
          read: (copy) => copy.pack({ ...request, attributes: request.archive }),
        },
        signal,
      ),
    write: (id, request, source, signal) =>
      operate(() => {
        const { path, archive } = request;
        // Who is not root can give files to nobody.
        const owners = archive ? 'archive' : host.hostFacts.launcher === 'posix' ? 'caller' : 'root';
        const container = host.registry.get(id);
        return alone(container, () => {
          const access = { ...copyAccess(host, container, path, true), signal };
          return withTree(host, access, (copy) => copy.unpack({ path, owners }, source));
        });
      }),
  };
}

/** Copies in the root of a container. */
function copyAccess(host: EngineHost, container: Container, path: string, isWritten = false): TreeAccess<TreeCopy> {
  return {
    container,
    path,
    find: async () => {
      const root = await copyRoot(host, container, isWritten);
      return (worker) => worker.enterRoot(root);
    },
  };
}

/** Copies into one that has ended: one at a time, and it is not started meanwhile. */
async function alone<Result>(container: Container, work: () => Promise<Result>): Promise<Result> {
  const isAlone = container.termination !== undefined && container.config.rootfs.kind !== 'directory';
  if (!isAlone) return work();
  if (container.isCopiedInto) throw fileErrors.busy({ uid: container.uid });
  container.isCopiedInto = true; // before anything is waited for: it is not started from here on
  try {
    return await work();
  } finally {
    container.isCopiedInto = false;
  }
}
