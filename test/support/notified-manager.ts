/** A service manager that is told things, as sd_notify(3) tells them. Node has no such socket, so Python listens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const PROGRAM = `
import json, socket, struct, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind("\\0" + name[1:] if name[0] == "@" else name)
print(json.dumps({"pid": 0, "state": "listening"}), flush=True)
while True:
    data, control, _, _ = s.recvmsg(4096, 256)
    pid = struct.unpack("3i", control[0][2])[0]
    print(json.dumps({"pid": pid, "state": data.decode()}), flush=True)
`;
const DEADLINE_MS = 60_000;

export interface Notice {
  /** In whose name it came. */
  readonly pid: number;
  readonly state: string;
}

export class NotifiedManager {
  readonly #child: ChildProcess;
  readonly #notices: Notice[] = [];
  #changed = Promise.withResolvers<void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('a manager has an output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#notices.push(JSON.parse(line) as Notice);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    });
  }

  /** @param socket a path, or with @ an abstract name */
  static async listen(socket: string): Promise<NotifiedManager> {
    const child = spawn('python3', ['-c', PROGRAM, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    const manager = new NotifiedManager(child);
    await manager.next('listening');
    return manager;
  }

  /** The first notice, among those that nobody has asked for yet, with this line; those before it are forgotten. */
  async next(wanted: string): Promise<Notice> {
    const late = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      const changed = this.#changed.promise;
      for (let notice = this.#notices.shift(); notice !== undefined; notice = this.#notices.shift()) {
        if (notice.state.split('\n').includes(wanted)) return notice;
      }
      await Promise.race([changed, aborted(late, `nobody said ${wanted}`)]);
    }
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

function aborted(signal: AbortSignal, what: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error(what)), { once: true });
  });
}
