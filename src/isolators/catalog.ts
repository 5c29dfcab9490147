import type { Files } from '../base/effects.ts';
import { cgroupsCpu } from './cgroups/cpu.ts';
import { cgroupsMemory } from './cgroups/memory.ts';
import { cgroupsPids } from './cgroups/pids.ts';
import { filesystemLinux } from './filesystem/linux.ts';
import type { Isolator } from './isolator.ts';
import { capabilities } from './linux/capabilities.ts';
import { noNewPrivileges } from './linux/nnp.ts';
import { cgroupNamespace } from './namespaces/cgroup.ts';
import { ipcNamespace } from './namespaces/ipc.ts';
import { pidNamespace } from './namespaces/pid.ts';
import { utsNamespace } from './namespaces/uts.ts';
import { networkHost } from './network/host.ts';
import { networkNone } from './network/none.ts';
import { runtimeImage } from './runtime/image.ts';
import { hostPathVolumes } from './volume/host-path.ts';

/** Every isolator, in the order in which they are prepared and their contributions merged; cleanup goes backwards. */
export function isolatorCatalog(effects: { readonly files: Files }): readonly Isolator[] {
  return [
    filesystemLinux(effects),
    pidNamespace(),
    ipcNamespace(),
    utsNamespace(),
    cgroupNamespace(),
    networkNone(),
    networkHost(effects),
    hostPathVolumes(effects),
    cgroupsCpu(effects),
    cgroupsMemory(effects),
    cgroupsPids(effects),
    runtimeImage(),
    capabilities(),
    noNewPrivileges(),
  ];
}
