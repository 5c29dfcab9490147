import type { Termination } from '../../model/exit-status.ts';

/** A container as the agent's JSON has it. */
export interface ContainerJson {
  readonly uid: string;
  readonly name: string;
  readonly state: string;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly command: readonly string[];
  readonly termination: Termination | null;
  readonly config: {
    readonly rootfs: { readonly kind: string; readonly reference?: string; readonly path?: string };
    readonly labels: Readonly<Record<string, string>>;
    readonly terminal: boolean;
  };
}
