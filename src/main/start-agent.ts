import { join } from 'node:path';
import { startDetached } from '../base/effects/detached-program.ts';
import type { Effects } from '../base/effects.ts';
import { engineGroups, findInstance, hierarchiesOf, makeInstanceGroups } from '../launcher/instance-groups.ts';
import { systemReason } from '../linux/errno.ts';
import { type EngineError, systemErrorCode } from '../model/error.ts';
import type { LauncherKind } from '../model/launcher-kind.ts';
import { TRACE_VARIABLES } from '../telemetry/trace-settings.ts';
import { mainErrors } from './errors.ts';
import type { Layout } from './layout.ts';
import { AGENT_NODE_FLAGS } from './node-flags.ts';

export interface StartOptions {
  readonly effects: Effects;
  readonly layout: Layout;
  readonly root: string;
  readonly state: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the same command has started one before, which is gone now. */
  readonly wasStarted?: boolean;
}

/** Node starts in a tenth of a second; a loaded machine, or one that is emulated, takes its time. */
const DEADLINE_MS = 30_000;
/** An agent that was started by a command ends after so long without anything to look after. */
const IDLE_EXIT = '30s';

/** What an agent may learn from whoever happens to start it. */
const PASSED_ON = [
  ['PATH', 'HOME', 'TZ', 'LANG', 'LC_ALL'],
  ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS', 'ISOPOD_ALLOW_NAMESPACES'],
  TRACE_VARIABLES,
].flat();

/**
 * Starts an agent that does not depend on us: its own cgroups, session, working directory and environment
 * (DESIGN §2). Returns once it listens.
 *
 * @throws {EngineError} `main.notRoot`, `main.noHelper`, `main.agentFailed` with what it said, `main.agentLate`
 */
export async function startAgent(options: StartOptions): Promise<void> {
  const { effects, layout, root, state } = options;
  const errorsPath = join(state, 'agent.stderr');
  // It listens before it has recovered what an earlier one has left, and may fail at that.
  if (options.wasStarted === true) failWithItsWords(await effects.files.readText(errorsPath).catch(() => ''));
  const launcher = defaultLauncher();
  await prepareDirectories(effects, { root, state, launcher });
  if (!(await effects.files.exists(layout.helper))) throw mainErrors.noHelper({ path: layout.helper });
  const hierarchies = await hierarchiesOf(effects, launcher);
  const instance = await findInstance(effects, root);
  await makeInstanceGroups(effects, hierarchies, instance);
  const words = [layout.cli, '--root', root, '--state', state, 'agent', '--idle-exit', IDLE_EXIT];
  const socketPath = join(state, 'agent.sock');
  const start = await startDetached({
    binary: layout.helper,
    words: ['enter', ...engineGroups(hierarchies, instance), '--', process.execPath, ...AGENT_NODE_FLAGS, ...words],
    env: passedOn(options.env),
    errorsPath,
    socketPath,
    deadlineMs: DEADLINE_MS,
  });
  if (start.kind === 'ended') throw failure(start.said);
  if (start.kind === 'late') throw mainErrors.agentLate({ socketPath, deadlineMs: DEADLINE_MS });
}

/** An agent that was killed says nothing: then another one is started. */
function failWithItsWords(said: string): void {
  if (said.trim() !== '') throw failure(said.trim());
}

function failure(said: string): EngineError {
  return mainErrors.agentFailed({ reason: said.replace(/^isopod: /, '') });
}

/** What is chosen where nobody says: root has namespaces and groups, any other user neither. */
export function defaultLauncher(): LauncherKind {
  return (process.getuid?.() ?? 0) === 0 ? 'linux' : 'posix';
}

/** Makes both directories, where they are missing, and looks whether they can be written. @throws {EngineError} `main.notRoot`, `main.directoryRefused` */
export async function prepareDirectories(
  effects: Effects,
  { root, state, launcher }: { readonly root: string; readonly state: string; readonly launcher: LauncherKind },
): Promise<void> {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0 && launcher === 'linux') throw mainErrors.notRoot({ uid });
  await makeDirectory(effects, { option: 'root', path: root, mode: 0o700 });
  // Sockets below have modes of their own; who may use one must be able to reach it.
  await makeDirectory(effects, { option: 'state', path: state, mode: 0o711 });
}

async function makeDirectory(
  effects: Effects,
  { option, path, mode }: { readonly option: string; readonly path: string; readonly mode: number },
): Promise<void> {
  try {
    await effects.files.makeDirectory(path, { mode, parents: true });
    // One that is there may be on a file system that is read-only, which only a write tells.
    await (await effects.files.openWriter(path)).abort();
  } catch (error) {
    // mkdir(2) says EEXIST of a file; of a directory that is there Node does not complain.
    const reason = systemErrorCode(error) === 'EEXIST' ? 'it is not a directory' : systemReason(error);
    if (reason === undefined) throw error;
    const isReadOnly = systemErrorCode(error) === 'EROFS';
    throw mainErrors.directoryRefused({ option, path, reason, isReadOnly }, error);
  }
}

function passedOn(env: StartOptions['env']): Record<string, string> {
  const entries = PASSED_ON.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}
