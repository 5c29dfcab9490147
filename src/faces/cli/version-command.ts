import { PROTOCOL_VERSION } from '../../model/wire.ts';
import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';

interface AgentVersionJson {
  readonly version: string;
  readonly protocol: number;
  readonly node: string;
  readonly pid: number;
  readonly rootDir: string;
  readonly stateDir: string;
}

/** `isopod version` */
export async function versionCommand(context: CliContext, client: AgentClient, json: boolean): Promise<number> {
  const agent = await client.call<AgentVersionJson>('GET', '/v1/version');
  const cli = { version: context.version, protocol: PROTOCOL_VERSION, node: process.versions.node };
  if (json) {
    printLine(context, JSON.stringify({ cli, agent }, undefined, 2));
    return 0;
  }
  printLine(context, `isopod ${cli.version}, helper protocol ${cli.protocol}, Node ${cli.node}`);
  const { pid, rootDir, stateDir } = agent;
  printLine(context, `agent  ${agent.version}, helper protocol ${agent.protocol}, Node ${agent.node}`);
  printLine(context, `       process ${pid}, root ${rootDir}, state ${stateDir}`);
  return 0;
}
