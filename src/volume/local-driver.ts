import type { Files } from '../base/effects.ts';
import { defineErrors, systemErrorCode } from '../model/error.ts';
import { parseAbsolutePath } from '../model/text-check.ts';
import type { VolumeDriver, VolumeRecord } from './driver.ts';

export const localDriverErrors = defineErrors('volume-driver', {
  unknownOption: {
    kind: 'invalid-argument',
    message: (d: { name: string; option: string }) =>
      `volume ${d.name}: the driver local has no option ${JSON.stringify(d.option)}`,
    remedy: () => 'it takes type, o and device',
  },
  unsupported: {
    kind: 'invalid-argument',
    message: (d: { name: string; option: string; value: string }) =>
      `volume ${d.name}: the driver local cannot serve ${d.option}=${d.value}`,
    remedy: () =>
      'it serves type=none with o=bind and device=PATH; for memory use --tmpfs; mount other file systems on the host',
  },
  noDevice: {
    kind: 'invalid-argument',
    message: (d: { name: string }) => `volume ${d.name} is to be a bind, and no device says of what`,
    remedy: () => 'add the option device=PATH',
  },
});

const OPTIONS = new Set(['type', 'o', 'device']);
/** Others than root may pass, or a user of a container could not reach its own files. */
const DATA_MODE = 0o755;

/** Driver `local`: a directory beside the record, or with `type=none,o=bind,device=PATH` a directory of the host. */
export function localDriver(files: Files): VolumeDriver {
  return {
    name: 'local',
    check({ name, options }) {
      for (const option of Object.keys(options)) {
        if (!OPTIONS.has(option)) throw localDriverErrors.unknownOption({ name, option });
      }
      const { type, o, device } = options;
      if (type === undefined && o === undefined && device === undefined) return;
      if (type !== undefined && type !== 'none')
        throw localDriverErrors.unsupported({ name, option: 'type', value: type });
      if (o !== 'bind' && o !== 'rbind') throw localDriverErrors.unsupported({ name, option: 'o', value: o ?? '' });
      if (device === undefined) throw localDriverErrors.noDevice({ name });
      parseAbsolutePath(`device of volume ${name}`, device);
    },
    async create({ options }, directory) {
      if (options.device === undefined) await makeUnlessThere(files, dataOf(directory));
    },
    source: (volume, directory) =>
      volume.options.device === undefined
        ? { kind: 'directory', path: dataOf(directory), ...(volume.used ? {} : { fill: 'completing' }) }
        : { kind: 'directory', path: volume.options.device, ...(volume.used ? {} : { fill: 'when-empty' }) },
    remove: async (_volume: VolumeRecord, _directory: string) => {},
  };
}

function dataOf(directory: string): string {
  return `${directory}/data`;
}

async function makeUnlessThere(files: Files, path: string): Promise<void> {
  try {
    await files.makeDirectory(path, { mode: DATA_MODE });
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}
