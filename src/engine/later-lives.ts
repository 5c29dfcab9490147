import type { Container } from './container.ts';
import type { ContainerRecord } from './record-format.ts';

/** What a container that may be started again needs to be recorded of it. */
export function laterLives({ isRelaunch: hasRun, created, begunFor, updatedFor }: Container): Partial<ContainerRecord> {
  const { resources, devices, deviceRules, diskLimitBytes } = created;
  const asked = { resources, devices, deviceRules, ...(diskLimitBytes !== undefined && { diskLimitBytes }) };
  return {
    hasRun,
    created: asked,
    ...(begunFor.length > 0 && { begunFor }),
    ...(updatedFor.length > 0 && { updatedFor }),
  };
}
