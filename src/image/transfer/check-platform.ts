import { defineErrors } from '../../model/error.ts';
import { formatPlatform, type Platform, parsePlatform, platformDistance } from '../../model/platform.ts';
import { parseConfigDocument } from '../config-document.ts';
import { readVerified } from '../layer-stream.ts';
import type { ImageLimits } from '../limits.ts';
import { parseManifest } from '../manifest.ts';
import type { ImageSource } from '../source.ts';

const platformErrors = defineErrors('image-transfer', {
  allAndOne: {
    kind: 'invalid-argument',
    message: (d: { platform: string }) =>
      `every platform is asked for, and platform ${JSON.stringify(d.platform)} alone, too`,
    remedy: () => 'leave out --all or --platform',
  },
  otherPlatform: {
    kind: 'invalid-argument',
    message: (d: { image: string; wanted: string; actual: string }) =>
      `image ${d.image} is here for ${d.actual}, and ${d.wanted} is asked for`,
    remedy: (d) => `isopod pull --platform ${d.wanted} ${d.image}, and try again`,
  },
});

/**
 * Whether an image of the store, which keeps one platform of each, is for the platform that is asked for.
 *
 * @param platform `os/architecture[/variant]`
 * @throws {EngineError} `image-transfer.otherPlatform`, `platform.malformed` (invalid-argument); data-loss where a document is damaged
 */
export async function checkPlatform(
  source: ImageSource,
  {
    platform,
    limits,
    signal,
  }: { readonly platform: string; readonly limits: ImageLimits; readonly signal: AbortSignal },
): Promise<void> {
  const wanted = parsePlatform(platform);
  const { bytes, mediaType } = await source.root(signal);
  const document = parseManifest(bytes, { from: source.name, mediaType, limits });
  if (document.shape === 'index') return;
  const bound = { what: `the config of ${source.name}`, limitBytes: limits.maxConfigBytes };
  const config = await readVerified(source.blob(document.config, signal), document.config, bound);
  const { platform: actual } = parseConfigDocument(config, source.name);
  if (platformDistance(wanted, actual) !== undefined) return;
  const told = { wanted: formatPlatform(wanted), actual: formatPlatform(actual) };
  throw platformErrors.otherPlatform({ image: source.name, ...told });
}

/**
 * Which platforms a copy takes.
 *
 * @param own taken when nothing is asked for
 * @throws {EngineError} `image-transfer.allAndOne`, `platform.malformed` (invalid-argument)
 */
export function platformsAsked(
  { all = false, platform }: { readonly all?: boolean | undefined; readonly platform?: string | undefined },
  own: Platform,
): Platform | 'all' {
  if (all && platform !== undefined) throw platformErrors.allAndOne({ platform });
  if (all) return 'all';
  return platform === undefined ? own : parsePlatform(platform);
}
