import type { PlannedConfig } from '../../model/container-config.ts';

/** Whether the caller puts a volume of its own at exactly this path, which then takes the place of ours. */
export function isVolumeTarget(config: PlannedConfig, path: string): boolean {
  return config.volumes.some(({ containerPath }) => containerPath === path);
}
