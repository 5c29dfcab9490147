import type { ContainerConfig } from '../model/container-config.ts';

export type Labels = Readonly<Record<string, string>>;

/** Labels of an image that a container has of it, for its own say nothing of them. Pure. */
export function inheritedLabels(own: Labels, image: Labels = {}): Labels {
  return Object.fromEntries(Object.entries(image).filter(([key]) => !Object.hasOwn(own, key)));
}

/** A config as it is shown: with the labels that the container has of its image. Pure. */
export function withInherited(config: ContainerConfig, inherited: Labels): ContainerConfig {
  return Object.keys(inherited).length === 0 ? config : { ...config, labels: { ...inherited, ...config.labels } };
}

/**
 * The labels that whoever launched a container has given it, which alone decide who may reach it: no author of an image does. Pure.
 *
 * @param inherited keys of those that are of its image
 */
export function ownLabels(labels: Labels, inherited: readonly string[] = []): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !inherited.includes(key)));
}
