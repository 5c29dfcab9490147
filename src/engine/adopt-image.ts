import { healthCheckOf } from '../model/health.ts';
import type { Image } from '../model/image-config.ts';
import type { Container } from './container.ts';
import { foreignPlatform } from './foreign-platform.ts';
import type { EngineHost } from './host.ts';
import { inheritedLabels } from './image-labels.ts';
import { stopSignalOf } from './stop-signal.ts';

/** What a container has of the image that it is made from, where its config says nothing else. */
export function adoptImage(host: Pick<EngineHost, 'hostFacts'>, container: Container, image: Image | undefined): void {
  container.imageId = image?.id;
  container.imageLabels = inheritedLabels(container.config.labels, image?.config.labels);
  container.foreignPlatform = foreignPlatform(image, host.hostFacts);
  container.healthCheck = healthCheckOf(container.config.health, image?.config.health);
  container.stopSignal = stopSignalOf(container.config.stopSignal, image?.config.stopSignal);
}
