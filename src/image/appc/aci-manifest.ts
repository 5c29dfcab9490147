import { defineErrors } from '../../model/error.ts';
import type { Platform } from '../../model/platform.ts';
import {
  asArray,
  asObject,
  asString,
  type JsonObject,
  optionalString,
  optionalStrings,
  parseJsonObject,
  type Refuse,
} from '../json-fields.ts';
import { leftOutOf } from './left-out.ts';

/** A place where discovery has looked, and what came of it. */
export interface Tried {
  readonly url: string;
  readonly reason: string;
  /** Whether anybody has answered there. */
  readonly isAnswered: boolean;
}

const listed = (tried: readonly Tried[]): string => tried.map(({ url, reason }) => `${url} (${reason})`).join(', ');

export const aciErrors = defineErrors('appc', {
  malformed: {
    kind: 'data-loss',
    message: (d: { from: string; reason: string }) => `the appc image ${d.from} is malformed: ${d.reason}`,
  },
  notSupported: {
    kind: 'unimplemented',
    message: (d: { from: string; what: string }) => `the appc image ${d.from} has ${d.what}, which is not supported`,
  },
  tooManyDependencies: {
    kind: 'resource-exhausted',
    message: (d: { from: string; limit: number }) => `the appc image ${d.from} depends on more than ${d.limit} images`,
  },
  wrongImage: {
    kind: 'data-loss',
    message: (d: { name: string; expected: string; actual: string }) =>
      `the appc image ${d.name} should have id ${d.expected}, and what was found has ${d.actual}`,
  },
  notFound: {
    kind: 'not-found',
    message: (d: { name: string; tried: readonly Tried[] }) =>
      `no appc image ${d.name} was found at ${listed(d.tried)}`,
    remedy: () => 'name the file or its URL: aci:https://HOST/PATH.aci',
  },
  notAnswered: {
    kind: 'unavailable',
    message: (d: { name: string; tried: readonly Tried[] }) =>
      `nobody answers where the appc image ${d.name} would be found: ${listed(d.tried)}`,
    remedy: () => 'see to the network and its name service, or name a file: aci:/PATH.aci',
  },
  unreachable: {
    kind: 'unavailable',
    /** With `status` somebody has answered. */
    message: (d: { url: string; reason: string; status?: number }) => `${d.url} cannot be fetched: ${d.reason}`,
  },
});

/** An image that another one is laid upon. */
export interface AciDependency {
  readonly name: string;
  /** `sha512-` and hex digits of the uncompressed archive. */
  readonly id: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** The file `manifest` of an appc image (appc spec 0.8, "Image Manifest Schema"), as an image's config has it. */
export interface AciManifest {
  readonly name: string;
  readonly platform: Platform;
  readonly created: string | undefined;
  readonly config: JsonObject;
  /** What its app asks for and `config` has no place for. */
  readonly leftOut: readonly string[];
  readonly dependencies: readonly AciDependency[];
}

/** Names of the spec (GOARCH, or those of uname) for those of ours. */
const ARCHITECTURES: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ['i386', ['386']],
  ['aarch64', ['arm64']],
  ['armv6l', ['arm', 'v6']],
  ['armv7l', ['arm', 'v7']],
]);

/** @param from names the image in errors @throws {EngineError} `appc.malformed`, `appc.notSupported` */
export function parseAciManifest(bytes: Uint8Array, from: string, host: Platform): AciManifest {
  const refuse: Refuse = (reason) => {
    throw aciErrors.malformed({ from, reason });
  };
  const document = parseJsonObject(bytes, refuse);
  if (document.acKind !== 'ImageManifest') refuse(`acKind is ${JSON.stringify(document.acKind)}, not ImageManifest`);
  // What is listed would be all that stays of the image, dependencies included.
  if (optionalStrings(document, 'pathWhitelist', refuse).length > 0) {
    throw aciErrors.notSupported({ from, what: 'a pathWhitelist' });
  }
  const labels = named(document, 'labels', refuse);
  const annotations = named(document, 'annotations', refuse);
  const [architecture = host.architecture, variant] = ARCHITECTURES.get(labels.arch ?? '') ?? [labels.arch];
  const app = asObject(document.app ?? {}, 'app', refuse);
  return {
    name: asString(document.name, 'name', refuse),
    platform: { os: labels.os ?? host.os, architecture, variant },
    created: annotations.created,
    config: { ...configOf(app, refuse), Labels: annotations },
    leftOut: leftOutOf(app, refuse),
    dependencies: asArray(document.dependencies ?? [], 'dependencies', refuse).map((value, index) => {
      const dependency = asObject(value, `dependencies[${index}]`, refuse);
      return {
        name: asString(dependency.imageName, 'imageName', refuse),
        id: optionalString(dependency, 'imageID', refuse),
        labels: named(dependency, 'labels', refuse),
      };
    }),
  };
}

/** The command is one that a caller's own replaces, as with other images. */
function configOf(app: JsonObject, refuse: Refuse): JsonObject {
  const exec = optionalStrings(app, 'exec', refuse);
  const user = optionalString(app, 'user', refuse) ?? '';
  const group = optionalString(app, 'group', refuse) ?? '';
  const directory = optionalString(app, 'workingDirectory', refuse);
  const variables = Object.entries(named(app, 'environment', refuse)).map(([name, value]) => `${name}=${value}`);
  const volumes = objects(app, 'mountPoints', refuse).map((point) => asString(point.path, 'path', refuse));
  const ports = objects(app, 'ports', refuse).flatMap((port) => portNames(port, refuse));
  return {
    ...(exec.length > 0 && { Cmd: exec }),
    ...(user !== '' && { User: group === '' ? user : `${user}:${group}` }),
    ...(directory !== undefined && { WorkingDir: directory }),
    ...(variables.length > 0 && { Env: variables }),
    ...(volumes.length > 0 && { Volumes: keysOf(volumes) }),
    ...(ports.length > 0 && { ExposedPorts: keysOf(ports) }),
  };
}

const MAX_PORT = 65_535;

function portNames(port: JsonObject, refuse: Refuse): readonly string[] {
  const first = Number(port.port);
  const count = port.count === undefined ? 1 : Number(port.count);
  if (!Number.isInteger(first) || !Number.isInteger(count) || first < 1 || count < 1 || first + count - 1 > MAX_PORT) {
    refuse(`ports has ${JSON.stringify(port.port)} and a count of ${count}`);
  }
  const protocol = optionalString(port, 'protocol', refuse) ?? 'tcp';
  return Array.from({ length: count }, (_, index) => `${first + index}/${protocol}`);
}

function objects(document: JsonObject, field: string, refuse: Refuse): readonly JsonObject[] {
  return asArray(document[field] ?? [], field, refuse).map((value, index) =>
    asObject(value, `${field}[${index}]`, refuse),
  );
}

/** `[{"name": "a", "value": "b"}]` */
function named(document: JsonObject, field: string, refuse: Refuse): Readonly<Record<string, string>> {
  return Object.fromEntries(
    objects(document, field, refuse).map((pair) => [
      asString(pair.name, `${field}.name`, refuse),
      asString(pair.value, `${field}.value`, refuse),
    ]),
  );
}

function keysOf(names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
