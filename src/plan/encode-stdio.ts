import type { StdioPlan } from '../model/launch-plan.ts';
import { LOG_FORMAT, OWNED, STDIO } from '../model/wire.ts';

/** A terminal nobody gave a size to; the size that terminals have had since the VT100. */
const DEFAULT_SIZE = { rows: 24, columns: 80 } as const;

/** The stdio and log fields of a launch frame. */
export function stdioValues(stdio: StdioPlan) {
  const { rows, columns } = stdio.terminalSize ?? DEFAULT_SIZE;
  return {
    stdio: stdio.terminal ? STDIO.terminal : STDIO.pipes,
    stdinOpen: stdio.stdin ? 1 : 0,
    owned: OWNED[stdio.owned ? (stdio.endsWithOwner === true ? 'toTheEnd' : 'yes') : 'no'],
    rows,
    columns,
    logFormat: stdio.log === undefined ? LOG_FORMAT.none : LOG_FORMAT[stdio.log.format],
    logDirectory: stdio.log?.directory ?? '',
    logMaxBytes: stdio.log?.maxBytes ?? 0,
    logMaxFiles: stdio.log?.maxFiles ?? 0,
  } as const;
}
