import type { MessageValues } from '../model/wire.ts';

/** Who connected to a unix socket, as it was then (unix(7), SO_PEERCRED and SO_PEERGROUPS). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  /** Its group, and the further ones. */
  readonly gids: readonly number[];
}

const GROUP_BYTES = 4;

export function peerCredentials({ pid, uid, gid, groups }: MessageValues<'peerIs'>): PeerCredentials {
  const view = new DataView(groups.buffer, groups.byteOffset, groups.byteLength);
  const further = Array.from({ length: groups.byteLength / GROUP_BYTES }, (_, index) =>
    view.getUint32(index * GROUP_BYTES, true),
  );
  return { pid: Number(pid), uid: Number(uid), gids: [Number(gid), ...further] };
}
