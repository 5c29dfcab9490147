import { formatNumberList, parseNumberList } from './number-list.ts';
import { checkResources } from './resource-checks.ts';
import { type DeviceLimits, isDeviceNumber, type Resources } from './resources.ts';
import { parseAbsolutePath } from './text-check.ts';

/**
 * Checks what can be checked without the host, and writes lists in their shortest form.
 *
 * @throws {EngineError} `resources.*`, `number-list.malformed`, `text.*` (invalid-argument)
 */
export function completeResources(resources: Resources): Resources {
  checkResources(resources);
  const { cpusetCpus, cpusetMems, ioDevices } = resources;
  return {
    ...resources,
    ...(cpusetCpus === undefined ? {} : { cpusetCpus: normalList('CPUs', cpusetCpus) }),
    ...(cpusetMems === undefined ? {} : { cpusetMems: normalList('memory nodes', cpusetMems) }),
    ...(ioDevices === undefined ? {} : { ioDevices: ioDevices.map(normalDevice) }),
  };
}

function normalList(field: string, text: string): string {
  return formatNumberList(parseNumberList(field, text));
}

function normalDevice(limits: DeviceLimits): DeviceLimits {
  const { device } = limits;
  return { ...limits, device: isDeviceNumber(device) ? device : parseAbsolutePath('block device', device) };
}
