/** What each layer of src/ may import; the tsconfig references say the same to the compiler. */
export interface LayerRule {
  /** Layers below, besides itself. */
  readonly layers: readonly string[];
  /** Node modules beyond the pure ones. */
  readonly builtins?: readonly string[];
  readonly packages?: readonly string[];
}

/** Modules without effects on the host. */
export const PURE_BUILTINS: readonly string[] = [
  'node:assert',
  'node:buffer',
  'node:crypto',
  'node:events',
  'node:os',
  'node:path',
  'node:stream',
  'node:stream/promises',
  'node:string_decoder',
  'node:url',
  'node:util',
  'node:zlib',
];

const EFFECTS = ['node:child_process', 'node:fs', 'node:fs/promises', 'node:net', 'node:timers/promises'];
const BELOW_PLAN = ['base', 'model', 'linux'];

export const LAYERS: Readonly<Record<string, LayerRule>> = {
  base: { layers: [] },
  'base/effects': { layers: ['base'], builtins: EFFECTS },
  model: { layers: ['base'] },
  linux: { layers: ['base', 'model'] },
  image: {
    layers: BELOW_PLAN,
    builtins: ['node:dns', 'node:http', 'node:https', 'node:net', 'node:tls'],
    packages: ['@sigstore/bundle', '@sigstore/protobuf-specs', '@sigstore/verify', 'openpgp', 'smol-toml', 'yaml'],
  },
  plan: { layers: BELOW_PLAN },
  isolators: { layers: BELOW_PLAN },
  launcher: { layers: BELOW_PLAN },
  io: { layers: BELOW_PLAN },
  provisioner: { layers: [...BELOW_PLAN, 'image'] },
  fetcher: { layers: [...BELOW_PLAN, 'image'], packages: ['yauzl'] },
  volume: { layers: BELOW_PLAN },
  engine: {
    layers: [...BELOW_PLAN, 'image', 'plan', 'isolators', 'launcher', 'io', 'provisioner', 'fetcher', 'volume'],
  },
  telemetry: { layers: ['base', 'model'], builtins: ['node:http', 'node:https'] },
  'faces/cli': {
    layers: ['base', 'model'],
    builtins: [...EFFECTS, 'node:http', 'node:https', 'node:process', 'node:tty', 'node:readline'],
    packages: ['commander'],
  },
  'faces/agent': {
    layers: ['base', 'model', 'linux', 'isolators', 'engine', 'io'],
    builtins: ['node:http', 'node:https', 'node:net', 'node:tls'],
    packages: ['zod', 'pino'],
  },
  main: {
    layers: [
      ...BELOW_PLAN,
      'base/effects',
      'image',
      'plan',
      'isolators',
      'launcher',
      'io',
      'provisioner',
      'fetcher',
      'volume',
      'engine',
      'telemetry',
      'faces/cli',
      'faces/agent',
    ],
    builtins: ['node:async_hooks', 'node:process', 'node:module', 'node:net', 'node:v8', 'node:vm'],
    packages: ['pino'],
  },
};

/** Test files and their fixtures may also touch real files and servers, the real effects, and the test packages. */
export const TEST_BUILTINS: readonly string[] = [...EFFECTS, 'node:http', 'node:https', 'node:timers', 'node:tls'];
export const TEST_PACKAGES: readonly string[] = ['vitest', 'fast-check'];
export const TEST_LAYERS: readonly string[] = ['base/effects'];
