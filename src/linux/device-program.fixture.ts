/** What a program is asked: a node is to be made (m) or opened for reading (r) or writing (w). */
export interface DeviceRequest {
  readonly kind: 'block' | 'character';
  readonly major: number;
  readonly minor: number;
  readonly access: string;
}

const LONGEST_RUN = 10_000;

/** A tiny machine for programs of rules, as strict as the kernel's verifier about what they may do. */
export function runDeviceProgram(program: Uint8Array, { kind, major, minor, access }: DeviceRequest): number {
  const bits = [...access].reduce((sum, letter) => sum | ({ m: 1, r: 2, w: 4 }[letter] ?? 0), 0);
  const context = new Uint32Array([((bits << 16) | (kind === 'block' ? 1 : 2)) >>> 0, major, minor]);
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const registers = new Array<number | undefined>(11).fill(undefined);
  registers[1] = 0; // the context is at its offset 0
  const read = (register: number): number => {
    const value = registers[register];
    if (value === undefined) throw new Error(`r${register} is read before it was written`);
    return value;
  };
  for (let index = 0, steps = 0; ; index += 1, steps += 1) {
    if (steps > LONGEST_RUN || (index + 1) * 8 > program.byteLength) throw new Error('the program runs off its end');
    const code = view.getUint8(index * 8);
    const target = view.getUint8(index * 8 + 1) & 0xf;
    const source = view.getUint8(index * 8 + 1) >> 4;
    const offset = view.getInt16(index * 8 + 2, true);
    const value = view.getInt32(index * 8 + 4, true);
    if (code === 0x61) registers[target] = context[(read(source) + offset) / 4];
    else if (code === 0xbc) registers[target] = read(source);
    else if (code === 0x54) registers[target] = (read(target) & value) >>> 0;
    else if (code === 0x74) registers[target] = read(target) >>> value;
    else if (code === 0xb7) registers[target] = value;
    else if (code === 0x55) index += read(target) === value ? 0 : offset;
    else if (code === 0x95) return read(0);
    else throw new Error(`instruction ${index} has the unknown code ${code}`);
  }
}

/** Numbers of the instructions that no run gets to; the kernel refuses a program that has one (check_cfg in verifier.c). */
export function unreachedInstructions(program: Uint8Array): readonly number[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const reached = new Set<number>();
  const next = [0];
  for (let index = next.pop(); index !== undefined; index = next.pop()) {
    if (reached.has(index)) continue;
    reached.add(index);
    const code = view.getUint8(index * 8);
    if (code !== 0x95) next.push(index + 1);
    if (code === 0x55) next.push(index + 1 + view.getInt16(index * 8 + 2, true));
  }
  return Array.from({ length: program.byteLength / 8 }, (_, index) => index).filter((index) => !reached.has(index));
}
