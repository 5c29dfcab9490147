import type { Digest } from '../../model/digest.ts';
import type { Platform } from '../../model/platform.ts';
import { imageConfigErrors } from '../config-document.ts';
import { asObject, type JsonObject, parseJsonObject } from '../json-fields.ts';
import { EMPTY_DIFF_ID } from './layer.ts';

/** One step that made an image (OCI image-spec v1.1, config.md, "history"). */
export interface HistoryEntry {
  /** RFC 3339. */
  readonly created: string;
  readonly createdBy?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
}

export interface ConfigExtension {
  /** Of the layer that is put on top; one with nothing in it is a line of the history and no layer. */
  readonly diffId: Digest;
  readonly history: HistoryEntry;
  /** What becomes of `config`, the part that containers are run by. */
  readonly change: (config: JsonObject) => JsonObject;
}

/** What of a config speaks of the one container or step that it came from, and of no image that is made of it. */
const OF_ITS_MAKING: ReadonlySet<string> = new Set([
  ...['container', 'container_config', 'docker_version', 'parent', 'id', 'throwaway', 'Size', 'created', 'author'],
]);

/** The config of an image without layers, for the first one to be put on. */
export function emptyConfig({ os, architecture, variant }: Platform): Uint8Array {
  return encode({
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config: {},
    rootfs: { type: 'layers', diff_ids: [] },
    history: [],
  });
}

/**
 * The config document of an image with one more layer. Fields that we know nothing of stay as they are. Pure.
 *
 * @param base bytes of the config below
 * @param from names that image in errors
 * @throws {EngineError} `image-config.malformed` (data-loss), and what `change` throws
 */
export function extendConfig(base: Uint8Array, from: string, extension: ConfigExtension): Uint8Array {
  const refuse = (reason: string): never => {
    throw imageConfigErrors.malformed({ from, reason });
  };
  const document = parseJsonObject(base, refuse);
  const rootfs = asObject(document.rootfs, 'rootfs', refuse);
  const below = (Array.isArray(rootfs.diff_ids) ? rootfs.diff_ids : []) as readonly unknown[];
  const { diffId, history: entry, change } = extension;
  const isEmpty = diffId === EMPTY_DIFF_ID;
  const kept = Object.fromEntries(Object.entries(document).filter(([field]) => !OF_ITS_MAKING.has(field)));
  return encode({
    created: entry.created,
    ...(entry.author !== undefined && { author: entry.author }),
    ...kept,
    config: change(asObject(document.config ?? {}, 'config', refuse)),
    rootfs: { type: 'layers', diff_ids: isEmpty ? below : [...below, diffId] },
    history: [...historyBelow(document, below.length), historyLine(entry, isEmpty)],
  });
}

/** A history says something of every layer or of none; what is missing is said to be unknown, so that lines and layers still pair. */
function historyBelow(document: JsonObject, layers: number): readonly unknown[] {
  const lines = Array.isArray(document.history) ? (document.history as readonly unknown[]) : [];
  const told = lines.filter((line) => (line as JsonObject | null)?.empty_layer !== true).length;
  const missing = Math.max(0, layers - told);
  return [...Array.from({ length: missing }, () => ({ comment: 'nothing is known of this layer' })), ...lines];
}

function historyLine({ created, createdBy, author, comment }: HistoryEntry, isEmpty: boolean): JsonObject {
  return {
    created,
    ...(createdBy !== undefined && { created_by: createdBy }),
    ...(author !== undefined && { author }),
    ...(comment !== undefined && { comment }),
    ...(isEmpty && { empty_layer: true }),
  };
}

function encode(document: JsonObject): Uint8Array {
  return Buffer.from(JSON.stringify(document));
}
