import { defineErrors } from '../model/error.ts';

/** What an image was built for, in the words of Go's GOOS and GOARCH (OCI image-spec v1.1, image-index.md). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | undefined;
}

export const platformErrors = defineErrors('platform', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { text: string }) =>
      `platform ${JSON.stringify(d.text)} is not os/architecture or os/architecture/variant`,
    remedy: () => 'write for example linux/amd64 or linux/arm64/v8',
  },
});

const PLATFORM = /^([a-z0-9._-]{1,32})\/([a-z0-9._-]{1,32})(?:\/([a-z0-9._-]{1,32}))?$/;

const ARCHITECTURE_BY_NODE_NAME: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['ia32', '386'],
]);

/** Architectures that may stand alone, for Linux is meant then: as Docker and containerd take them. */
const KNOWN_ARCHITECTURE = /^(?:amd64|arm64|arm|386|ppc64le|s390x|riscv64|loong64|mips64le)$/;

/** @throws {EngineError} `platform.malformed` (invalid-argument) */
export function parsePlatform(text: string): Platform {
  if (KNOWN_ARCHITECTURE.test(text)) return { os: 'linux', architecture: text, variant: undefined };
  const match = PLATFORM.exec(text);
  const [, os, architecture, variant] = match ?? [];
  if (os === undefined || architecture === undefined) throw platformErrors.malformed({ text });
  return { os, architecture, variant };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant === undefined ? '' : `/${variant}`}`;
}

/** The platform of this process. */
export function hostPlatform(nodeArchitecture: string = process.arch): Platform {
  return {
    os: 'linux',
    architecture: ARCHITECTURE_BY_NODE_NAME.get(nodeArchitecture) ?? nodeArchitecture,
    variant: nodeArchitecture === 'arm' ? 'v7' : undefined,
  };
}

/**
 * How well an image runs on a platform: the lower the better, `undefined` when it does not. A processor runs older
 * variants of its architecture than its own; amd64 without a variant is v1, arm64 without one v8.
 */
export function platformDistance(wanted: Platform, offered: Platform): number | undefined {
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return undefined;
  const own = variantLevel(wanted);
  const its = variantLevel(offered);
  if (own === undefined || its === undefined) return offered.variant === wanted.variant ? 0 : undefined;
  return its > own ? undefined : own - its;
}

const DEFAULT_LEVEL: ReadonlyMap<string, number> = new Map([
  ['amd64', 1],
  ['arm64', 8],
  ['arm', 7],
]);

function variantLevel({ architecture, variant }: Platform): number | undefined {
  if (variant === undefined || variant === '') return DEFAULT_LEVEL.get(architecture) ?? 0;
  const digits = /^v([0-9]{1,2})$/.exec(variant)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
