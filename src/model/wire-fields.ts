/** Kinds of the values in payloads; model/wire.ts says how they are written. */
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
