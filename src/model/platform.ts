import { defineErrors } from './error.ts';

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
      `platform ${JSON.stringify(d.text)} is not os, architecture, os/architecture or os/architecture/variant`,
    remedy: () => 'write for example linux/amd64 or linux/arm64/v8',
  },
});

const WORD = /^[a-z0-9._-]{1,32}$/;

const ARCHITECTURE_BY_NODE_NAME: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['ia32', '386'],
]);

/** Architectures that may stand alone, for Linux is meant then: as Docker and containerd take them. */
const KNOWN_ARCHITECTURE = /^(?:amd64|arm64|arm|386|ppc64|ppc64le|s390x|riscv64|loong64|mips|mipsle|mips64|mips64le)$/;

/** Systems that may stand alone, for the architecture of this machine is meant then. */
const KNOWN_SYSTEM = /^(?:linux|windows|darwin|freebsd)$/;

/**
 * A platform as somebody writes it, in any of the spellings that containerd takes.
 *
 * @throws {EngineError} `platform.malformed` (invalid-argument)
 */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const words = text.toLowerCase().split('/');
  const [first = '', architecture, variant, ...rest] = words;
  if (rest.length > 0 || !words.every((word) => WORD.test(word))) throw platformErrors.malformed({ text });
  if (architecture !== undefined) return normalisedPlatform({ os: first, architecture, variant });
  const { os } = normalisedPlatform({ os: first, architecture: '' });
  if (KNOWN_SYSTEM.test(os)) return { ...host, os };
  const alone = normalisedPlatform({ os: 'linux', architecture: first });
  if (!KNOWN_ARCHITECTURE.test(alone.architecture)) throw platformErrors.malformed({ text });
  return alone;
}

/** An architecture by its other names, with the variant that such a name says. */
const OTHER_NAMES: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ['i386', ['386', '']],
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
]);

/** Variants that go without saying, or that are written in another way: `architecture/variant`. */
const VARIANTS: ReadonlyMap<string, string> = new Map([
  ['amd64/v1', ''],
  ['arm64/8', ''],
  ['arm64/v8', ''],
  ['arm64/v8.0', ''],
  ['arm64/9', 'v9'],
  ['arm64/9.0', 'v9'],
  ['arm64/v9.0', 'v9'],
  ['arm/', 'v7'],
  ['arm/5', 'v5'],
  ['arm/6', 'v6'],
  ['arm/7', 'v7'],
  ['arm/8', 'v8'],
]);

/** The one spelling of a platform, as containerd's `platforms.Normalize` has it; a system that is not said is Linux. Pure. */
export function normalisedPlatform(said: {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}): Platform {
  const os = said.os.toLowerCase() || 'linux';
  const name = said.architecture.toLowerCase();
  const [architecture, implied] = OTHER_NAMES.get(name) ?? [name];
  const written = implied ?? (said.variant ?? '').toLowerCase();
  const variant = VARIANTS.get(`${architecture}/${written}`) ?? written;
  return { os: os === 'macos' ? 'darwin' : os, architecture, variant: variant === '' ? undefined : variant };
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
