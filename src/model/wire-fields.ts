/** How the tables of the wire are written: a value of a frame or step has a name and a kind (see wire.ts). */
export type ValueKind = 'u' | 's' | 'b' | 'S' | 'L';

export interface Field {
  readonly name: string;
  readonly kind: ValueKind;
}

export const u = <const Name extends string>(name: Name) => ({ name, kind: 'u' }) as const;
export const s = <const Name extends string>(name: Name) => ({ name, kind: 's' }) as const;
export const b = <const Name extends string>(name: Name) => ({ name, kind: 'b' }) as const;
export const S = <const Name extends string>(name: Name) => ({ name, kind: 'S' }) as const;
export const L = <const Name extends string>(name: Name) => ({ name, kind: 'L' }) as const;

/** A step: `where` says who runs it. Slots (`slot`) are numbers below FD_SLOTS. */
export interface StepSpec {
  readonly code: number;
  readonly where: 'host' | 'child' | 'both' | 'before';
  readonly fields: readonly Field[];
}
