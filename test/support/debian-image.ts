import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Programs without which a Debian image cannot be made. */
export const DEBIAN_IMAGE_PROGRAMS: readonly string[] = ['mmdebstrap', 'umoci', 'python3'];

const SUITE = 'bookworm';
const PACKAGES = 'python3-minimal';
const IMAGE_TAG = '12';

/** Things a layer may hold and Debian does not; made inside the root file system before it is packed. */
const EXTRAS = `
import os, sys
os.chdir(sys.argv[1]); os.umask(0); os.mkdir('extras'); os.chdir('extras')
def file(path, data=b'x', mode=0o644):
    with open(path, 'wb') as f: f.write(data)
    os.chmod(path, mode)
file('setuid', mode=0o6755); os.chown('setuid', 1000, 100000); os.chmod('setuid', 0o6755)
file('capable'); os.setxattr('capable', 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))
file('noted'); os.setxattr('noted', 'user.note', b'a = b\\n'); os.mkdir('sticky'); os.chmod('sticky', 0o1777)
os.link('noted', 'noted-too'); os.symlink('/etc/passwd', 'absolute'); os.symlink('../..', 'relative')
os.mknod('null', 0o020666, os.makedev(1, 3)); os.mknod('disk', 0o060600, os.makedev(8, 1)); os.mkfifo('fifo', 0o640)
file('n' * 200); os.makedirs('p' * 120 + '/' + 'q' * 120); file('p' * 120 + '/' + 'q' * 120 + '/' + 'r' * 100)
with open('holes', 'wb') as f: f.seek(5000000); f.write(b'end')
`;

/** The directory that holds an image layout `layout` and what umoci unpacks it to, `unpacked/rootfs`. */
export interface DebianImage {
  readonly layout: string;
  readonly tag: string;
  readonly unpacked: string;
}

/**
 * A Debian 12 root file system with python3 as an OCI layout: made by mmdebstrap from the mirror that this machine is set
 * up with, packed by umoci. Made once per test run; the first caller waits a minute or two.
 *
 * @param cache a directory for the run; see {@link debianCache}
 */
export function debianImage(cache: string): DebianImage {
  const done = join(cache, 'debian-12');
  const image = { layout: join(done, 'layout'), tag: IMAGE_TAG, unpacked: join(done, 'unpacked/rootfs') };
  if (existsSync(done)) return image;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'building-'));
  try {
    build(work);
    renameSync(work, done);
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    throw error;
  }
  return image;
}

/** Where this test run keeps what is dear to make; `ISOPOD_TEST_CACHE` keeps it between runs. */
export function debianCache(): { readonly directory: string; dispose(): void } {
  const kept = process.env.ISOPOD_TEST_CACHE;
  if (kept !== undefined && kept !== '') return { directory: kept, dispose: () => {} };
  const directory = mkdtempSync(join(tmpdir(), 'isopod-test-cache-'));
  return { directory, dispose: () => rmSync(directory, { recursive: true, force: true }) };
}

function build(work: string): void {
  const [rootfs, layout, bundle] = ['rootfs', 'layout', 'bundle'].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  run('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${PACKAGES}`, SUITE, rootfs, mirror()]);
  run('python3', ['-c', EXTRAS, rootfs]);
  run('umoci', ['init', '--layout', layout]);
  run('umoci', ['new', '--image', `${layout}:${IMAGE_TAG}`]);
  run('umoci', ['unpack', '--image', `${layout}:${IMAGE_TAG}`, bundle]);
  rmSync(join(bundle, 'rootfs'), { recursive: true });
  renameSync(rootfs, join(bundle, 'rootfs'));
  run('umoci', ['repack', '--image', `${layout}:${IMAGE_TAG}`, bundle]);
  rmSync(bundle, { recursive: true });
  run('umoci', ['config', '--image', `${layout}:${IMAGE_TAG}`, '--config.cmd', '/bin/bash', '--config.env', PATH]);
  run('umoci', ['unpack', '--image', `${layout}:${IMAGE_TAG}`, join(work, 'unpacked')]);
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function run(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 1 << 24 });
}

/** The first mirror of the distribution in this machine's own package sources. */
function mirror(): string {
  const directory = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(directory) ? readdirSync(directory) : []).map((name) => join(directory, name)),
  ];
  const texts = files
    .filter((path) => existsSync(path) && /\.(?:list|sources)$/.test(path))
    .map((path) => readFileSync(path, 'utf8'));
  for (const text of texts) {
    const oneLine = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+bookworm\s/m.exec(text)?.[1];
    const stanza = /^Suites:.*\bbookworm\b/m.test(text) ? /^URIs:\s*(\S+)/m.exec(text)?.[1] : undefined;
    const found = oneLine ?? stanza;
    if (found !== undefined) return found;
  }
  throw new Error(`no mirror of Debian ${SUITE} in ${files.join(', ')}`);
}
