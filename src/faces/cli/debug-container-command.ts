import { present } from '../../model/container-request.ts';
import type { AgentClient } from './agent-client.ts';
import type { CliContext } from './context.ts';
import { runCommand } from './run-command.ts';
import type { RunOptions } from './run-request.ts';

/** Options of `isopod debug container` as commander gives them. */
export interface DebugContainerOptions
  extends Pick<
    RunOptions,
    | 'interactive'
    | 'tty'
    | 'detach'
    | 'name'
    | 'label'
    | 'env'
    | 'envFile'
    | 'workdir'
    | 'user'
    | 'entrypoint'
    | 'volume'
    | 'mount'
    | 'capAdd'
    | 'pull'
    | 'detachKeys'
  > {
  readonly image: string;
  /** It outlives us. */
  readonly keep?: boolean;
}

/** `isopod debug CONTAINER`: tools of an image beside a container that has none. @returns the exit code of the command */
export async function debugContainerCommand(
  context: CliContext,
  client: AgentClient,
  input: { readonly target: string; readonly command: readonly string[]; readonly options: DebugContainerOptions },
): Promise<number> {
  const { target, command, options } = input;
  const { image, keep = false, ...others } = options;
  const endsWithUs = !keep && options.detach !== true;
  return runCommand(context, client, {
    words: [image, ...command],
    options: { ...others, image: true, parent: target, rm: true },
    fields: present({ debug: true, endsWithOwner: endsWithUs ? true : undefined }),
  });
}
