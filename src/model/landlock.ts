import { defineErrors } from './error.ts';
import { parseAbsolutePath } from './text-check.ts';

export const LANDLOCK_ACCESS = ['read', 'execute', 'write'] as const;
export type LandlockAccess = (typeof LANDLOCK_ACCESS)[number];

/** What a container may do below a path of its own; `write` makes and removes too. */
export interface LandlockPathRule {
  readonly path: string;
  readonly access: readonly LandlockAccess[];
}

/**
 * Rules that the kernel's Landlock enforces on top of all else, for every process of the container and whatever its
 * user (landlock(7)). What no rule allows is refused.
 */
export interface LandlockConfig {
  /** Missing: file access is not restricted. */
  readonly paths?: readonly LandlockPathRule[];
  /** Ports that TCP connections may be made to; missing: any. */
  readonly connectTcpPorts?: readonly number[];
  /** Ports that TCP sockets may be bound to; missing: any. */
  readonly bindTcpPorts?: readonly number[];
  /** No signals to, and no abstract unix sockets of, processes outside of the container's restrictions. */
  readonly scoped?: boolean;
}

export type LandlockRequest = { readonly [Name in keyof LandlockConfig]?: LandlockConfig[Name] | undefined };

export const landlockErrors = defineErrors('landlock', {
  noRule: {
    kind: 'invalid-argument',
    message: () => 'Landlock was asked for without any rule',
    remedy: () => 'allow paths or ports, or leave it out',
  },
  noAccess: {
    kind: 'invalid-argument',
    message: (d: { path: string }) => `the Landlock rule for ${d.path} allows nothing`,
    remedy: () => `name at least one of ${LANDLOCK_ACCESS.join(', ')}`,
  },
  badPort: {
    kind: 'invalid-argument',
    message: (d: { port: number }) => `${d.port} is not a TCP port from 0 to 65535`,
  },
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { count: number; most: number }) => `${d.count} Landlock rules, and at most ${d.most} are allowed`,
  },
});

const MOST_RULES = 256;

/** @throws {EngineError} `landlock.*`, `text.*` (invalid-argument) */
export function parseLandlock(request: LandlockRequest): LandlockConfig {
  const { paths, connectTcpPorts, bindTcpPorts, scoped } = request;
  const ports = [...(connectTcpPorts ?? []), ...(bindTcpPorts ?? [])];
  const count = (paths?.length ?? 0) + ports.length;
  if (count > MOST_RULES) throw landlockErrors.tooMany({ count, most: MOST_RULES });
  for (const port of ports) {
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw landlockErrors.badPort({ port });
  }
  const config: LandlockConfig = {
    ...(paths !== undefined && { paths: paths.map(parsePathRule) }),
    ...(connectTcpPorts !== undefined && { connectTcpPorts }),
    ...(bindTcpPorts !== undefined && { bindTcpPorts }),
    ...(scoped === true && { scoped }),
  };
  if (Object.keys(config).length === 0) throw landlockErrors.noRule();
  return config;
}

function parsePathRule({ path, access }: LandlockPathRule): LandlockPathRule {
  if (access.length === 0) throw landlockErrors.noAccess({ path });
  return { path: parseAbsolutePath('path of a Landlock rule', path), access };
}
