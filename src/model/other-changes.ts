import type { DeviceChanges } from './device-changes.ts';
import type { RestartPolicy } from './restart-policy.ts';

/** What an update does besides limits of groups; a missing field changes nothing. */
export interface OtherChanges extends DeviceChanges {
  /** A limit is changed, and neither given to a container without one nor taken away. */
  readonly diskLimitBytes?: number | undefined;
  /** For the ends to come. */
  readonly restart?: RestartPolicy | undefined;
}
