import type { SandboxOperations } from '../../../engine/sandbox-facade.ts';

/** Files of the sandboxes of those containers that a caller sees. */
export function confinedSandboxes(
  sandboxes: SandboxOperations,
  uidOf: (id: string) => Promise<string>,
): SandboxOperations {
  return {
    list: async (id, path) => sandboxes.list(await uidOf(id), path),
    read: async (id, path, range) => sandboxes.read(await uidOf(id), path, range),
  };
}
