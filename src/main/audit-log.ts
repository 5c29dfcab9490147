import pino from 'pino';
import type { Files } from '../base/effects.ts';
import type { AuditRecord } from '../faces/agent/access/audit.ts';
import { systemErrorCode } from '../model/error.ts';

const ROTATE_BYTES = 16 * 1024 * 1024;
/** Older ones, `audit.log.1` the youngest. */
const KEPT_FILES = 4;

export interface AuditLogFile {
  /** Appends a line before it returns: what was done is told although the agent is killed right after. */
  write(record: AuditRecord): void;
}

export interface AuditLogOptions {
  readonly path: string;
  /** A record could not be written, or files not be moved: the call is answered all the same. */
  readonly report: (error: unknown) => void;
  readonly rotateBytes?: number;
}

/** Opens the audit log: JSON lines, five files of 16 MiB at most, mode 0600. */
export async function openAuditLog(files: Files, options: AuditLogOptions): Promise<AuditLogFile> {
  const { path, report, rotateBytes = ROTATE_BYTES } = options;
  const destination = pino.destination({ dest: path, append: true, mode: 0o600, sync: true });
  // Asked for again where the disk is full: a line that is lost is told in the log of the agent.
  destination.on('error', report);
  let bytes = (await files.status(path)).sizeBytes;
  let rotating = false;
  const rotate = async (): Promise<void> => {
    for (let number = KEPT_FILES - 1; number >= 0; number -= 1) {
      await moveIfThere(files, number === 0 ? path : `${path}.${number}`, `${path}.${number + 1}`);
    }
    destination.reopen(); // until here lines go to the file that has another name now
    bytes = 0;
  };
  return {
    write: (record) => {
      const line = `${JSON.stringify(record)}\n`;
      bytes += Buffer.byteLength(line);
      try {
        destination.write(line);
      } catch (error) {
        report(error);
      }
      if (bytes < rotateBytes || rotating) return;
      rotating = true;
      rotate()
        .catch(report)
        .finally(() => {
          rotating = false;
        });
    },
  };
}

async function moveIfThere(files: Files, from: string, to: string): Promise<void> {
  try {
    await files.rename(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
