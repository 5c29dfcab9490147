import type { Clock, Files } from '../../base/effects.ts';
import { changeRoutes } from './change-routes.ts';
import { containerRoutes } from './container-routes.ts';
import { damageRoutes } from './diagnostics/damage-routes.ts';
import { diagnosticRoutes } from './diagnostics/diagnostic-routes.ts';
import type { LoggingLevel } from './diagnostics/logging-level.ts';
import { operationRoutes } from './diagnostics/operation-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { fileRoutes } from './file-routes.ts';
import { imageRecordRoutes } from './images/record-routes.ts';
import { registryRoutes } from './images/registry-routes.ts';
import { transferRoutes } from './images/transfer-routes.ts';
import { upkeepRoutes } from './images/upkeep-routes.ts';
import { writtenRoutes } from './images/written-routes.ts';
import { lifeRoutes } from './life-routes.ts';
import { type AgentVersion, otherRoutes } from './other-routes.ts';
import { pruneContainersRoute } from './prune-containers.ts';
import type { Route } from './router.ts';
import { statsRoutes } from './stats-routes.ts';
import { streamRoutes } from './stream-routes.ts';
import { type TokenRoutePorts, tokenRoutes } from './token-routes.ts';
import { volumeRoutes } from './volume-routes.ts';

/** What handlers need besides the engine. */
export interface RoutePorts {
  readonly files: Files;
  readonly clock: Clock;
  readonly version: AgentVersion;
  /** Host path of the program that security reports run. */
  readonly probe: string;
  readonly tokens: TokenRoutePorts;
  readonly logging: LoggingLevel;
}

/** All that the agent answers to. */
export function agentRoutes(ports: RoutePorts): readonly Route[] {
  return [
    ...containerRoutes(ports),
    ...changeRoutes(),
    ...fileRoutes(),
    ...lifeRoutes(ports),
    pruneContainersRoute(),
    ...statsRoutes(ports),
    ...eventRoutes(),
    ...otherRoutes(ports, ports.version),
    ...volumeRoutes(),
    ...upkeepRoutes(),
    ...transferRoutes(),
    ...registryRoutes(),
    ...imageRecordRoutes(),
    ...writtenRoutes(),
    ...diagnosticRoutes(ports),
    ...operationRoutes(),
    ...damageRoutes(),
    ...streamRoutes(),
    ...tokenRoutes(ports.tokens),
  ];
}
