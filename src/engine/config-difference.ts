import { isDeepStrictEqual } from 'node:util';
import type { ContainerConfig } from '../model/container-config.ts';

/** Names of the fields in which two configs differ, sorted; none when a repeated `create` asks for the same. */
export function differingFields(a: ContainerConfig, b: ContainerConfig): readonly string[] {
  const [left, right] = [comparable(a), comparable(b)];
  const fields = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...fields].filter((field) => !isDeepStrictEqual(left[field], right[field])).sort();
}

/** As a checkpoint would give it back: a field that is undefined is no field. */
function comparable(config: ContainerConfig): Record<string, unknown> {
  return JSON.parse(JSON.stringify(config)) as Record<string, unknown>;
}
