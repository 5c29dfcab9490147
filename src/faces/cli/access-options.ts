import { resolve } from 'node:path';
import type { Command } from 'commander';
import { parseGrantRule } from '../../model/access.ts';
import type { AgentAccessOptions, AgentPort } from './context.ts';
import { cliErrors } from './errors.ts';
import { repeatable } from './runner.ts';

/** What the agent's command line says of access. */
export interface AccessFlags {
  readonly socketMode?: string;
  readonly socketGroup?: string;
  readonly grant?: readonly string[];
  readonly tcp?: string;
  readonly tcpCertificate?: string;
  readonly tcpKey?: string;
  readonly tcpClientCa?: string;
}

const DEFAULT_MODE = 0o600;

export function addAccessFlags(agent: Command): Command {
  return agent
    .option('--socket-mode <mode>', 'permission bits of the socket: 0600 unless given, 0660 for a group too')
    .option('--socket-group <group>', 'group of the socket, by name or number')
    .option(
      '--grant <who=role>',
      'what others than root may do: user:NAME=operate, group:NAME=read,label=team=a, certificate:NAME=admin; may be repeated',
      repeatable,
    )
    .option('--tcp <host:port>', 'listen on TCP too, for clients with a certificate; needs the three files below')
    .option('--tcp-certificate <file>', 'certificate of the agent, PEM')
    .option('--tcp-key <file>', 'its key')
    .option('--tcp-client-ca <file>', 'authorities whose client certificates count');
}

/** @throws {EngineError} `cli.badValue`, `cli.tcpWithoutTls`, `access.*` */
export function accessOptionsOf(flags: AccessFlags, cwd: string): AgentAccessOptions {
  const { socketMode, socketGroup, grant = [] } = flags;
  return {
    socketMode: socketMode === undefined ? DEFAULT_MODE : parseMode(socketMode),
    socketGroup,
    grants: grant.map(parseGrantRule),
    tcp: portOf(flags, cwd),
  };
}

function parseMode(value: string): number {
  const wanted = 'permission bits in octal that leave its owner in, as 0600 or 0660';
  const mode = /^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : 0;
  if ((mode & 0o600) !== 0o600) throw cliErrors.badValue({ option: '--socket-mode', value, wanted });
  return mode;
}

/** Without TLS on both sides whoever reaches the port would be root here, so there is no such port. */
function portOf(flags: AccessFlags, cwd: string): AgentPort | undefined {
  const { tcp, tcpCertificate, tcpKey, tcpClientCa } = flags;
  const files = { '--tcp-certificate': tcpCertificate, '--tcp-key': tcpKey, '--tcp-client-ca': tcpClientCa };
  const given = Object.entries(files).flatMap(([option, file]) => (file === undefined ? [] : [option]));
  if (tcp === undefined) {
    if (given.length > 0) throw cliErrors.tlsWithoutTcp({ given });
    return undefined;
  }
  const missing = Object.keys(files).filter((option) => !given.includes(option));
  if (tcpCertificate === undefined || tcpKey === undefined || tcpClientCa === undefined) {
    throw cliErrors.tcpWithoutTls({ tcp, missing });
  }
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/]+)):(\d{1,5})$/i.exec(tcp) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) {
    throw cliErrors.badValue({ option: '--tcp', value: tcp, wanted: 'HOST:PORT, with an IPv6 address in brackets' });
  }
  return {
    ...{ host, port: Number(port) },
    certificate: resolve(cwd, tcpCertificate),
    key: resolve(cwd, tcpKey),
    clientAuthority: resolve(cwd, tcpClientCa),
  };
}
