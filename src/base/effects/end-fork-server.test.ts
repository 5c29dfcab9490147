import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endForkServer, recordLockHolder } from './end-fork-server.ts';

const LOCKS = `1: POSIX  ADVISORY  WRITE 812 00:19:501 0 EOF
2: FLOCK  ADVISORY  WRITE 813 00:19:502 0 EOF
3: OFDLCK ADVISORY  WRITE -1 00:19:503 0 EOF
4: POSIX  ADVISORY  WRITE 0 00:19:504 0 EOF
4: -> POSIX  ADVISORY  WRITE 814 00:19:505 0 EOF
5: POSIX  ADVISORY  READ 815 00:19:506 0 EOF
`;

test.each([
  [501, 812],
  [502, undefined],
  [503, undefined],
  [504, undefined],
  [505, undefined],
  [506, undefined],
  [50, undefined],
])('the file %i is locked by %s', (inode, pid) => {
  expect(recordLockHolder(LOCKS, inode)).toBe(pid);
});

test('where nobody holds the lock nobody is killed, and neither is one who locks another file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-end-'));
  const bystander = spawn('sleep', ['1000'], { stdio: 'ignore' });
  try {
    expect(await endForkServer(join(directory, 'none.sock'))).toBe(false);
    writeFileSync(join(directory, 'free.sock.lock'), '');
    expect(await endForkServer(join(directory, 'free.sock'))).toBe(false);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  } finally {
    bystander.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
});
