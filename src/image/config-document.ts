import { createHash } from 'node:crypto';
import { type Digest, isDigest } from '../model/digest.ts';
import { defineErrors } from '../model/error.ts';
import type { ImageRuntimeConfig } from '../model/image-config.ts';
import { hostPlatform, normalisedPlatform, type Platform } from '../model/platform.ts';
import { healthOf } from './health-document.ts';
import {
  asArray,
  asObject,
  asString,
  type JsonObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  parseJsonObject,
  type Refuse,
} from './json-fields.ts';

/** An image's config blob, as far as we use it (OCI image-spec v1.1, config.md). */
export interface ConfigDocument {
  readonly platform: Platform;
  readonly createdAt: string | undefined;
  readonly runtime: ImageRuntimeConfig;
  /** Bottom first, one for each layer of the manifest. */
  readonly diffIds: readonly Digest[];
}

/** As many as a container may have. */
const MOST_VOLUMES = 100;

export const imageConfigErrors = defineErrors('image-config', {
  malformed: {
    kind: 'data-loss',
    message: (d: { from: string; reason: string }) => `the config of image ${d.from} is malformed: ${d.reason}`,
  },
});

/** @throws {EngineError} `image-config.malformed` (data-loss) */
export function parseConfigDocument(bytes: Uint8Array, from: string): ConfigDocument {
  const refuse: Refuse = (reason) => {
    throw imageConfigErrors.malformed({ from, reason });
  };
  const document = parseJsonObject(bytes, refuse);
  const rootfs = asObject(document.rootfs, 'rootfs', refuse);
  const config = document.config ?? {};
  return {
    platform: platformOf(document, refuse),
    createdAt: optionalString(document, 'created', refuse),
    runtime: parseRuntime(asObject(config, 'config', refuse), refuse),
    diffIds: asArray(rootfs.diff_ids ?? [], 'rootfs.diff_ids', refuse).map((value, index) => {
      const text = asString(value, `rootfs.diff_ids[${index}]`, refuse);
      return isDigest(text) ? text : refuse(`rootfs.diff_ids[${index}] ${JSON.stringify(text)} is not a sha256 digest`);
    }),
  };
}

/** What is not said is as on this machine: Docker runs such images, which some tools make. */
function platformOf(document: JsonObject, refuse: Refuse): Platform {
  const [os, architecture, variant] = ['os', 'architecture', 'variant'].map((field) =>
    optionalString(document, field, refuse),
  );
  const host = hostPlatform();
  if (!architecture) return { ...host, os: normalisedPlatform({ os: os ?? '', architecture: '' }).os };
  return normalisedPlatform({ os: os ?? '', architecture, variant });
}

function parseRuntime(config: Readonly<Record<string, unknown>>, refuse: Refuse): ImageRuntimeConfig {
  return {
    entrypoint: optionalStrings(config, 'Entrypoint', refuse),
    cmd: optionalStrings(config, 'Cmd', refuse),
    env: optionalStrings(config, 'Env', refuse),
    workdir: optionalString(config, 'WorkingDir', refuse) ?? '',
    user: optionalString(config, 'User', refuse) ?? '',
    labels: optionalStringMap(config, 'Labels', refuse),
    stopSignal: optionalString(config, 'StopSignal', refuse),
    ...volumesOf(config, refuse),
    ...healthOf(config, refuse),
  };
}

/** Keys of an object whose values mean nothing. */
function volumesOf(config: Readonly<Record<string, unknown>>, refuse: Refuse): Pick<ImageRuntimeConfig, 'volumes'> {
  const volumes = Object.keys(asObject(config.Volumes ?? {}, 'Volumes', refuse));
  if (volumes.length > MOST_VOLUMES)
    refuse(`it declares ${volumes.length} volumes, and at most ${MOST_VOLUMES} are taken`);
  return volumes.length === 0 ? {} : { volumes };
}

/** Chain ids of a stack of layers, bottom first (OCI image-spec v1.1, config.md, "Layer ChainID"). */
export function chainIdsOf(diffIds: readonly Digest[]): readonly Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : sha256Of(`${below} ${diffId}`));
  }
  return chain;
}

export function sha256Of(content: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}` as Digest;
}
