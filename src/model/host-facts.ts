/** What was found out about the host when the engine started. */
export interface HostFacts {
  readonly hostname: string;
  /** CPUs that are online. */
  readonly cpuCount: number;
  /** v2 controller names that the host can limit, and in which version. */
  readonly controllers: Readonly<Record<string, 1 | 2>>;
  /** Knobs that exist beyond the common ones, for example `memory.memsw.limit_in_bytes`. */
  readonly cgroupFeatures: readonly string[];
  /** Highest capability number that the kernel knows. */
  readonly lastCapability: number;
  /** Names of the capabilities that the engine itself may hand out. */
  readonly availableCapabilities: readonly string[];
}
