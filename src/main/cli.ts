import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LocalArchive } from '../base/local-archive.ts';
import { AgentClient } from '../faces/cli/agent-client.ts';
import type { AgentOptions, CliContext, GlobalOptions } from '../faces/cli/context.ts';
import { runProgram } from '../faces/cli/program.ts';
import { reportError } from '../faces/cli/report-error.ts';
import { installationLayout } from './layout.ts';
import { checkSocketPaths } from './socket-paths.ts';
import { VERSION } from './version.ts';

const layout = installationLayout();

const RAW_TERMINAL_DEADLINE_MS = 5_000;
/** A helper may ask its user to unlock what it keeps. */
const CREDENTIAL_HELPER_DEADLINE_MS = 60_000;

/** As the XDG base directory specification has it; without a runtime directory of its own, below its state. */
function ownDirectories(): GlobalOptions | undefined {
  const { HOME, XDG_DATA_HOME, XDG_RUNTIME_DIR, XDG_STATE_HOME } = process.env;
  if (process.getuid?.() === 0 || HOME === undefined) return undefined;
  return {
    root: join(XDG_DATA_HOME ?? join(HOME, '.local/share'), 'isopod'),
    state: join(XDG_RUNTIME_DIR ?? XDG_STATE_HOME ?? join(HOME, '.local/state'), 'isopod'),
  };
}

const context: CliContext = {
  env: process.env,
  cwd: process.cwd(),
  version: VERSION,
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: () => process.stdin,
  rawTerminal: async () => {
    const { runOnOurInput } = await import('../base/effects/detached-program.ts');
    await runOnOurInput(layout.helper, ['raw-terminal'], RAW_TERMINAL_DEADLINE_MS);
  },
  localFiles: {
    lookAt: async (...words) => (await ownFiles()).lookAt(...words),
    pack: async function* (request) {
      yield* (await ownFiles()).pack(request);
    },
    unpack: async (...words) => (await ownFiles()).unpack(...words),
  },
  runWithInput: async (program, words, input) => {
    const { runWithInput } = await import('../base/effects/run-with-input.ts');
    return runWithInput(program, words, { input, deadlineMs: CREDENTIAL_HELPER_DEADLINE_MS });
  },
  ownDirectories: ownDirectories(),
  connect,
  serveAgent,
  hostChecks: async () => {
    const { checkHost } = await import('./host-checks.ts');
    const { nodeEffects } = await import('../base/effects/node-effects.ts');
    return checkHost(nodeEffects(), layout);
  },
};

/** Loaded only by copies and archives. */
async function ownFiles(): Promise<LocalArchive> {
  const { localArchive } = await import('../base/effects/local-archive.ts');
  return localArchive(layout.helper);
}

function connect({ root, state, remote, token }: GlobalOptions): AgentClient {
  // Whose directories are whose is that agent's business, and starting it somebody else's.
  if (remote !== undefined) {
    return new AgentClient({ target: remote, rootDir: undefined, token, newKey: freshKey, startAgent: undefined });
  }
  checkSocketPaths(state);
  let wasStarted = false;
  return new AgentClient({
    target: { kind: 'unix', socketPath: join(state, 'agent.sock') },
    rootDir: root,
    token,
    newKey: freshKey,
    // Loaded only when no agent is there: most commands find one.
    startAgent: async () => {
      const { startAgent } = await import('./start-agent.ts');
      const { nodeEffects } = await import('../base/effects/node-effects.ts');
      await startAgent({ effects: nodeEffects(), layout, root, state, env: process.env, wasStarted });
      wasStarted = true;
    },
  });
}

/** Unique on this host: process and moment. It is no secret, and loading node:crypto would cost a tenth of a command. */
function freshKey(): string {
  return `${process.pid}-${process.hrtime.bigint()}`;
}

/** The agent is a bundle of its own, so that commands need not load it. */
async function serveAgent(options: GlobalOptions & AgentOptions): Promise<number> {
  // An agent lives long: every function is compiled at its first call, which a launch notices by a sixth of its time.
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--always-sparkplug');
  type Agent = typeof import('./serve-agent.ts');
  const { serveAgent: serve } = layout.agent.endsWith('.cjs')
    ? (createRequire(layout.agent)(layout.agent) as Agent)
    : ((await import(pathToFileURL(layout.agent).href)) as Agent);
  return serve({ ...options, layout });
}

const EXIT_BROKEN_PIPE = 141;

// A command that does not look after its own broken pipe (`isopod ps | head -1`) ends as a pipeline should.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (process.stdout.listenerCount('error') > 1) return;
  if (error.code === 'EPIPE') process.exit(EXIT_BROKEN_PIPE);
  process.exit(reportError(process.stderr, error));
});

void runProgram(context, process.argv.slice(2)).then(flushAndExit);

/** Pipes are written at once, a terminal or a file too; but what still waits is let out before we go. */
function flushAndExit(exitCode: number): void {
  // A write to a file that failed (disk full) is told in the next turn, and must not pass for a success.
  if (process.stdout.writableLength === 0) setImmediate(() => process.exit(exitCode));
  else process.stdout.end(() => process.exit(exitCode));
}
