import type { ContainerConfig } from '../model/container-config.ts';
import type { HostFacts } from '../model/host-facts.ts';
import type { Image } from '../model/image-config.ts';

/** The architecture of images, in the words of Go's GOARCH, and what its processors run besides. */
const PLATFORMS: Readonly<Record<HostFacts['architecture'], { readonly own: string; readonly also: string }>> = {
  x86_64: { own: 'amd64', also: '386' },
  aarch64: { own: 'arm64', also: 'arm' },
};

/** Platforms that do not fit, each as `os/architecture`. */
export interface ForeignPlatform {
  readonly image: string;
  readonly host: string;
}

/**
 * The platform of an image that this machine's processor does not run: only an emulator (binfmt_misc) does. Pure.
 *
 * @returns undefined for one that it runs
 */
export function foreignPlatform(
  image: Pick<Image, 'os' | 'architecture'> | undefined,
  { architecture }: Pick<HostFacts, 'architecture'>,
): ForeignPlatform | undefined {
  if (image === undefined) return undefined;
  const { own, also } = PLATFORMS[architecture];
  if (image.os === 'linux' && (image.architecture === own || image.architecture === also)) return undefined;
  return { image: `${image.os}/${image.architecture}`, host: `linux/${own}` };
}

/** What whoever launches such an image is told. Pure. */
export function foreignWarnings({
  config: { rootfs },
  foreignPlatform: platform,
}: {
  readonly config: Pick<ContainerConfig, 'rootfs'>;
  readonly foreignPlatform: ForeignPlatform | undefined;
}): readonly string[] {
  if (platform === undefined || rootfs.kind !== 'image') return [];
  const { image, host } = platform;
  return [`the platform of image ${rootfs.reference} (${image}) does not match the platform of this machine (${host})`];
}
