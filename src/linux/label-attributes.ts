import type { Files } from '../base/effects.ts';
import type { HostFacts } from '../model/host-facts.ts';

/** The active modules, joined by commas; there only where securityfs is mounted. */
const MODULE_LIST = '/sys/kernel/security/lsm';
const APPARMOR_SWITCH = '/sys/module/apparmor/parameters/enabled';
const SELINUX_SWITCH = '/sys/fs/selinux/enforce';
/** Of a module's own since Linux 5.8; the file above it belongs to whichever module came first (LSM admin guide). */
const APPARMOR_OWN = '/proc/self/attr/apparmor/exec';

/** Which modules can label a process here, and by which file. Found out without securityfs too, which few containers have. */
export async function readLabelAttributes(files: Files): Promise<HostFacts['labelAttributes']> {
  const modules = (await textOf(files, MODULE_LIST)).trim().split(',');
  const hasAppArmor = modules.includes('apparmor') || (await textOf(files, APPARMOR_SWITCH)).trim() === 'Y';
  const hasSeLinux = modules.includes('selinux') || (await files.exists(SELINUX_SWITCH));
  const own = hasAppArmor && (await files.exists(APPARMOR_OWN));
  return { ...(hasAppArmor && { appArmor: own ? 'apparmor/exec' : 'exec' }), ...(hasSeLinux && { seLinux: 'exec' }) };
}

async function textOf(files: Files, path: string): Promise<string> {
  return (await files.exists(path)) ? files.readText(path) : '';
}
