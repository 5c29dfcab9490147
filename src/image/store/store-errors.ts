import { defineErrors, EngineError, systemErrorCode } from '../../model/error.ts';

export const imageStoreErrors = defineErrors('images', {
  unknown: {
    kind: 'not-found',
    message: (d: { text: string }) => `there is no image ${d.text} here`,
    remedy: () => 'isopod images lists those that are',
  },
  notATag: {
    kind: 'invalid-argument',
    message: (d: { text: string; reason: string }) =>
      `${JSON.stringify(d.text)} cannot be given to an image: ${d.reason}`,
    remedy: () => 'write [REGISTRY/]NAME[:TAG]',
  },
  unknownEmbedded: {
    kind: 'not-found',
    message: (d: { name: string }) => `no image named ${d.name} is part of isopod`,
  },
  programMissing: {
    kind: 'failed-precondition',
    message: (d: { name: string; path: string }) => `the program of embedded image ${d.name} is not at ${d.path}`,
    remedy: () => 'run npm run build',
  },
  inUse: {
    kind: 'failed-precondition',
    message: (d: { text: string; id: string; names: number }) => `image ${d.text} (${d.id}) is used by a container`,
    remedy: (d: { names: number }) => {
      const first = 'remove its containers first (isopod ps -a lists them)';
      return d.names === 0 ? first : `${first}; isopod rmi --force takes its name alone`;
    },
  },
  severalNames: {
    kind: 'failed-precondition',
    message: (d: { text: string; names: readonly string[] }) =>
      `image ${d.text} has names of several repositories: ${d.names.join(', ')}`,
    remedy: () => 'remove it by one of them, or take all of them away with isopod rmi --force',
  },
  damaged: {
    kind: 'data-loss',
    message: (d: { image: string; found: string; remedy: string }) =>
      `what is kept here of image ${d.image} is damaged: ${d.found}`,
    remedy: (d: { remedy: string }) => d.remedy,
  },
  diskFull: {
    kind: 'resource-exhausted',
    message: (d: { what: string; root: string }) => `no space left under ${d.root} for ${d.what}`,
    remedy: () => 'remove images that nobody uses with isopod rmi, or stopped containers with isopod rm',
  },
  storage: {
    kind: 'internal',
    message: (d: { what: string; reason: string }) => `storing ${d.what} failed: ${d.reason}`,
  },
});

/** The kernel's word for a disk or a quota that is used up. */
export function isDiskFull(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** What the kernel refused while something was stored, as an error that says so; any other error as it is. */
export function asStoreError(error: unknown, context: { readonly what: string; readonly root: string }): unknown {
  if (error instanceof EngineError) return error;
  const code = systemErrorCode(error);
  if (code === undefined) return error;
  const { what, root } = context;
  if (isDiskFull(error)) return imageStoreErrors.diskFull({ what, root }, error);
  return imageStoreErrors.storage({ what, reason: (error as Error).message }, error);
}
