import type { PlannedConfig } from '../../model/container-config.ts';
import { defineErrors } from '../../model/error.ts';
import type { ImageRuntimeConfig } from '../../model/image-config.ts';
import type { Contribution } from '../../model/launch-plan.ts';
import { parseUser } from '../../model/user.ts';
import type { Isolator } from '../isolator.ts';

export const runtimeImageErrors = defineErrors('runtime/image', {
  noCommand: {
    kind: 'invalid-argument',
    message: (d: { image: string }) => `image ${d.image} names no command, and none was given`,
    remedy: () => 'name a command after the image',
  },
  relativeWorkdir: {
    kind: 'invalid-argument',
    message: (d: { image: string; workdir: string }) =>
      `image ${d.image} has the working directory ${JSON.stringify(d.workdir)}, which is not an absolute path`,
    remedy: () => 'name a working directory with --workdir',
  },
});

/**
 * Isolator `runtime/image`: what the image says about how it is run (OCI image-spec v1.1, config.md). What the caller
 * says of user, working directory and single variables wins in compose.
 */
export function runtimeImage(): Isolator {
  return {
    name: 'runtime/image',
    requires: ['filesystem/linux'],
    appliesTo: ({ rootfs }) => rootfs.kind === 'image',
    plan({ config, image }) {
      if (image === undefined || config.rootfs.kind !== 'image') return {};
      const { reference } = config.rootfs;
      const command = imageCommand(config, image);
      if (command.length === 0) throw runtimeImageErrors.noCommand({ image: reference });
      return {
        command,
        environment: image.env.filter(isVariable),
        ...workdir(config, image, reference),
        ...user(config, image),
      };
    },
  };
}

/**
 * As Docker has it: an entrypoint of the caller's drops the image's cmd too, a command of the caller's replaces only
 * the cmd.
 */
export function imageCommand(
  { entrypoint, command }: Pick<PlannedConfig, 'entrypoint' | 'command'>,
  image: Pick<ImageRuntimeConfig, 'entrypoint' | 'cmd'>,
): readonly string[] {
  if (entrypoint !== undefined) return [...entrypoint, ...(command ?? [])];
  return [...entrypointOf(image), ...(command ?? image.cmd)];
}

/** One empty word is how builders write that there is none, for an empty list keeps that of the base. */
function entrypointOf({ entrypoint }: Pick<ImageRuntimeConfig, 'entrypoint'>): readonly string[] {
  return entrypoint.length === 1 && entrypoint[0] === '' ? [] : entrypoint;
}

/** An image's entry without `=` sets nothing (Docker passes it on; exec would then hand a broken environment over). */
function isVariable(entry: string): boolean {
  return entry.indexOf('=') > 0;
}

function workdir(config: PlannedConfig, { workdir }: ImageRuntimeConfig, image: string): Pick<Contribution, 'workdir'> {
  if (workdir === '' || config.workdir !== undefined) return {};
  if (!workdir.startsWith('/')) throw runtimeImageErrors.relativeWorkdir({ image, workdir });
  return { workdir };
}

function user(config: PlannedConfig, image: ImageRuntimeConfig): Pick<Contribution, 'user'> {
  return image.user === '' || config.user !== undefined ? {} : { user: parseUser(image.user) };
}
