"""Runs a command on a pseudo-terminal and plays a script, for tests: Node has no pty of its own.

argv: JSON list of steps, then the command. Steps: ["expect", TEXT], ["send", TEXT], ["resize", ROWS, COLUMNS],
["await", PATH]: until a file is there.
Prints JSON: the whole output, the exit code, and whether the terminal was left in raw mode.
"""
import fcntl, json, os, pty, select, struct, sys, termios, time

STEP_DEADLINE_S = 60
steps, command = json.loads(sys.argv[1]), sys.argv[2:]


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


master, slave = pty.openpty()
resize(slave, 24, 80)
pid = os.fork()
if pid == 0:
    os.close(master)
    os.login_tty(slave)
    os.execvp(command[0], command)

output, seen = b"", 0


def read_some(timeout):
    global output
    ready, _, _ = select.select([master], [], [], timeout)
    if ready:
        output += os.read(master, 65536)


code = None
try:
    for step in steps:
        deadline = time.monotonic() + STEP_DEADLINE_S
        if step[0] == "send":
            os.write(master, step[1].encode())
        elif step[0] == "resize":
            resize(master, step[1], step[2])
        elif step[0] == "await":
            while not os.path.exists(step[1]):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{step[1]} did not appear")
                read_some(0.05)
        else:
            wanted = step[1].encode()
            while output.find(wanted, seen) < 0:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{step[1]!r} did not come")
                read_some(0.1)
            seen = output.find(wanted, seen) + len(wanted)
    deadline = time.monotonic() + STEP_DEADLINE_S
    while code is None:
        read_some(0.05)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
        elif time.monotonic() > deadline:
            raise TimeoutError("the command did not end")
    while select.select([master], [], [], 0.05)[0]:
        output += os.read(master, 65536)
except TimeoutError as error:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    output += f"\n[{error}]".encode()
settings = termios.tcgetattr(slave)
raw = not settings[3] & termios.ICANON or not settings[1] & termios.OPOST
print(json.dumps({"output": output.decode(errors="replace"), "code": code, "raw": raw}))
