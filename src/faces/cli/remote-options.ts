import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { systemErrorCode } from '../../model/error.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { cliErrors } from './errors.ts';
import type { RemoteAgent } from './remote-agent.ts';

interface RemoteFlags {
  readonly host?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** As Docker has it for TLS. */
const DEFAULT_PORT = 2376;

/** Options before the command: which agent, and who we are to it. A token has no option, for others see those. */
export function addRemoteOptions(program: Command): Command {
  return program
    .addOption(
      new Option('--host <address>', 'agent to talk to: tcp://HOST:PORT, or unix:///PATH of a socket').env(
        'ISOPOD_HOST',
      ),
    )
    .addOption(
      new Option('--tls-ca <file>', "authority of a TCP agent's certificate; the system's unless given").env(
        'ISOPOD_TLS_CA',
      ),
    )
    .addOption(new Option('--tls-cert <file>', 'our certificate for a TCP agent').env('ISOPOD_TLS_CERT'))
    .addOption(new Option('--tls-key <file>', 'key of our certificate').env('ISOPOD_TLS_KEY'));
}

/** @throws {EngineError} `cli.badValue`, `cli.noClientCertificate`, `cli.unreadableFile` */
export function remoteOf(program: Command, { env, cwd }: CliContext): Pick<GlobalOptions, 'remote' | 'token'> {
  const { host, ...tls } = program.opts<RemoteFlags>();
  const token = env.ISOPOD_TOKEN;
  return {
    ...(host !== undefined && { remote: parseHost(host, tls, cwd) }),
    ...(token !== undefined && token !== '' && { token: checkToken(token) }),
  };
}

function parseHost(value: string, files: Omit<RemoteFlags, 'host'>, cwd: string): RemoteAgent {
  const refuse = (): never => {
    throw cliErrors.badValue({ option: '--host', value, wanted: 'tcp://HOST:PORT or unix:///PATH' });
  };
  if (value.startsWith('unix://')) {
    const socketPath = value.slice('unix://'.length);
    return socketPath.startsWith('/') ? { kind: 'unix', socketPath } : refuse();
  }
  const url = value.startsWith('tcp://') && URL.canParse(value) ? new URL(value) : refuse();
  const isPlain = ['', '/'].includes(url.pathname) && url.search === '' && url.hash === '' && url.username === '';
  if (url.hostname === '' || !isPlain) refuse();
  const { tlsCa, tlsCert, tlsKey } = files;
  if (tlsCert === undefined || tlsKey === undefined) throw cliErrors.noClientCertificate({ host: value });
  const tls = {
    ca: tlsCa === undefined ? undefined : readPem('--tls-ca', resolve(cwd, tlsCa)),
    cert: readPem('--tls-cert', resolve(cwd, tlsCert)),
    key: readPem('--tls-key', resolve(cwd, tlsKey)),
  };
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  return { kind: 'tcp', host: url.hostname.replace(/^\[|\]$/g, ''), port, tls };
}

function readPem(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw cliErrors.unreadableFile({ option, path, reason: systemErrorCode(error) ?? String(error) }, error);
  }
}

/** What is no token would be told in the agent's answer; here it may stem from a file with a line end. */
function checkToken(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw cliErrors.badValue({
    option: 'ISOPOD_TOKEN',
    value: '(not shown)',
    wanted: 'a token without spaces or line ends',
  });
}
