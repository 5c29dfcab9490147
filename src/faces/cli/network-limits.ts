import { type NetClassRange, parseNetClass, parseNetClassRange } from '../../model/net-class.ts';
import type { MiscLimit, NetworkPriority, RdmaLimit } from '../../model/resources.ts';
import { cliErrors } from './errors.ts';
import { parseCount } from './values.ts';

/** `auto`, or a class as tc(8) writes it. @throws {EngineError} `cli.badValue` */
export function parseNetClassOption(value: string): number | 'auto' {
  const classId = value === 'auto' ? value : parseNetClass(value);
  if (classId !== undefined) return classId;
  throw cliErrors.badValue({ option: '--net-cls', value, wanted: 'auto, or a class such as 10:1 (hexadecimal)' });
}

/** `10:1-ffff`. @throws {EngineError} `cli.badValue` */
export function parseNetClasses(option: string, value: string): NetClassRange {
  const range = parseNetClassRange(value);
  if (range !== undefined) return range;
  throw cliErrors.badValue({ option, value, wanted: 'a range of classes such as 10:1-ffff (hexadecimal)' });
}

/** `eth0:5`. @throws {EngineError} `cli.badValue` */
export function parseNetworkPriority(value: string): NetworkPriority {
  const [networkInterface, priority] = splitLast('--net-prio', value, 'INTERFACE:PRIORITY such as eth0:5');
  return { networkInterface, priority: parseCount('--net-prio', priority) };
}

/** `mlx5_0:hca_handle=2,hca_object=2000`. @throws {EngineError} `cli.badValue` */
export function parseRdma(value: string): RdmaLimit {
  const wanted = 'DEVICE:hca_handle=COUNT,hca_object=COUNT';
  const [device, bounds] = splitLast('--rdma', value, wanted);
  const limit: { device: string; handles?: number; objects?: number } = { device };
  for (const bound of bounds.split(',')) {
    const [, name, count = ''] = /^(hca_handle|hca_object)=(.+)$/.exec(bound) ?? [];
    if (name === undefined) throw cliErrors.badValue({ option: '--rdma', value, wanted });
    limit[name === 'hca_handle' ? 'handles' : 'objects'] = parseCount('--rdma', count);
  }
  return limit;
}

/** `sev:2`. @throws {EngineError} `cli.badValue` */
export function parseMisc(value: string): MiscLimit {
  const [name, limit] = splitLast('--misc', value, 'NAME:COUNT such as sev:2');
  return { name, limit: parseCount('--misc', limit) };
}

function splitLast(option: string, value: string, wanted: string): readonly [string, string] {
  const at = value.lastIndexOf(':');
  if (at < 1) throw cliErrors.badValue({ option, value, wanted });
  return [value.slice(0, at), value.slice(at + 1)];
}
