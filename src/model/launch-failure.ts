/** A failed launch, told by the helper: which phase and step, and why the kernel refused. */
export interface LaunchFailure {
  readonly phase: 'request' | 'clone' | 'host' | 'child' | 'exec' | 'unpack';
  /** Index into the list of steps of that phase. */
  readonly stepIndex: number;
  /** Positive. */
  readonly errno: number;
  /** The path or value that the step was about, at most 255 bytes; may be empty. */
  readonly detail: string;
}
