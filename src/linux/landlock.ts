import type { LandlockAccess, LandlockConfig } from '../model/landlock.ts';

/** LANDLOCK_ACCESS_FS_* by bit (linux/landlock.h). */
const FS = {
  execute: 1 << 0,
  writeFile: 1 << 1,
  readFile: 1 << 2,
  readDirectory: 1 << 3,
  removeDirectory: 1 << 4,
  removeFile: 1 << 5,
  makeCharacterDevice: 1 << 6,
  makeDirectory: 1 << 7,
  makeFile: 1 << 8,
  makeSocket: 1 << 9,
  makeFifo: 1 << 10,
  makeBlockDevice: 1 << 11,
  makeSymlink: 1 << 12,
  /** Version 2. */
  refer: 1 << 13,
  /** Version 3. */
  truncate: 1 << 14,
  /** Version 5. */
  ioctlDevice: 1 << 15,
} as const;

const NET = { bindTcp: 1 << 0, connectTcp: 1 << 1 } as const;
const SCOPES = { abstractUnixSocket: 1 << 0, signal: 1 << 1 } as const;

const ACCESS: Readonly<Record<LandlockAccess, number>> = {
  read: FS.readFile | FS.readDirectory,
  execute: FS.execute,
  write:
    FS.writeFile |
    FS.truncate |
    FS.ioctlDevice |
    FS.removeDirectory |
    FS.removeFile |
    FS.makeCharacterDevice |
    FS.makeDirectory |
    FS.makeFile |
    FS.makeSocket |
    FS.makeFifo |
    FS.makeBlockDevice |
    FS.makeSymlink |
    FS.refer,
};
/** Rights that a rule for something other than a directory may name. */
const OF_FILES = FS.execute | FS.writeFile | FS.readFile | FS.truncate | FS.ioctlDevice;

/** Every right to files by version of the interface; below 3 a file can be emptied in spite of the rules, so 3 is the least. */
const HANDLED_FS: readonly number[] = [0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff];
const PATHS_SINCE = 3;
const PORTS_SINCE = 4;
const SCOPES_SINCE = 6;

/** Values of the steps landlock-create, landlock-path and landlock-port for these rules. */
export function landlockTables({ paths, connectTcpPorts, bindTcpPorts, scoped }: LandlockConfig) {
  const hasPorts = connectTcpPorts !== undefined || bindTcpPorts !== undefined;
  const ports = (connectTcpPorts === undefined ? 0 : NET.connectTcp) | (bindTcpPorts === undefined ? 0 : NET.bindTcp);
  return {
    ruleset: {
      leastVersion: Math.max(paths ? PATHS_SINCE : 1, hasPorts ? PORTS_SINCE : 1, scoped ? SCOPES_SINCE : 1),
      pathAccess: table(paths === undefined ? [] : HANDLED_FS),
      portAccess: table(hasPorts ? [ports] : []),
      scopes: table(scoped ? [SCOPES.abstractUnixSocket | SCOPES.signal] : []),
    },
    pathRules: (paths ?? []).map(({ path, access }) => {
      const rights = access.reduce((mask, name) => mask | ACCESS[name], 0);
      return {
        path,
        directoryAccess: table(HANDLED_FS.map((handled) => rights & handled)),
        fileAccess: table(HANDLED_FS.map((handled) => rights & handled & OF_FILES)),
      };
    }),
    portRules: [
      ...(connectTcpPorts ?? []).map((port) => ({ port, access: NET.connectTcp })),
      ...(bindTcpPorts ?? []).map((port) => ({ port, access: NET.bindTcp })),
    ],
  };
}

/** A u64 for each version, little-endian. */
function table(masks: readonly number[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(masks, BigInt).buffer);
}
