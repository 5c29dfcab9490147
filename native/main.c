/* isopod-helper COMMAND: see docs/protocol.md. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "copy/copy.h"
#include "core.h"

#define EXIT_USAGE 125
#define EXIT_NO_EXEC 126
#define TEXT(number) #number
#define NUMBER_TEXT(number) TEXT(number)

static int print_version(void) {
  static const char text[] = NUMBER_TEXT(PROTOCOL_VERSION) "\n";
  return write(STDOUT_FILENO, text, sizeof text - 1) == sizeof text - 1 ? 0 : 1;
}

static int complain(const char *what, const char *name, int error) {
  dprintf(STDERR_FILENO, "isopod-helper: cannot %s %s: %s\n", what, name, strerror(error));
  return EXIT_USAGE;
}

/* enter [CGROUP...] -- COMMAND...: how the agent comes to its own groups, detached from whoever called. */
static int enter(char **argv) {
  for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++) {
    int result = group_enter(*argv);
    if (result < 0) return complain("join group", *argv, -result);
  }
  if (*argv == NULL || argv[1] == NULL) return complain("enter:", "-- COMMAND is missing", EINVAL);
  /* Fails where we are a session leader already. */
  setsid();
  /* Whoever happens to start the agent may be nice or bound to one processor; the containers of all others are not. */
  process_forget_priority();
  process_forget_limits();
  if (chdir("/") < 0) return complain("enter", "/", errno);
  umask(022);
  process_close_from(3);
  process_reset_signals();
  execvp(argv[1], argv + 1);
  complain("execute", argv[1], errno);
  return EXIT_NO_EXEC;
}

/*
 * raw-terminal: makes our input, a terminal, raw in both directions (cfmakeraw(3)). Node's own raw mode goes on turning
 * each line feed that is written into two characters, which a full-screen program in a container has not counted on.
 */
static int raw_terminal(void) {
  struct termios settings;
  if (tcgetattr(STDIN_FILENO, &settings) < 0) return complain("look at", "the terminal", errno);
  cfmakeraw(&settings);
  return tcsetattr(STDIN_FILENO, TCSADRAIN, &settings) < 0 ? complain("set", "the terminal", errno) : 0;
}

int main(int argc, char **argv) {
  const char *command = argc > 1 ? argv[1] : "";
  if (strcmp(command, "fork-server") == 0) {
    int result = image_protect(argv);
    if (result < 0) return complain("protect", "its own program", -result);
    return fork_server_main(argc - 2, argv + 2);
  }
  if (strcmp(command, "enter") == 0) return enter(argv + 2);
  if (strcmp(command, "raw-terminal") == 0) return raw_terminal();
  if (strcmp(command, "pack") == 0) return copy_pack_main(argv + 2);
  if (strcmp(command, "unpack") == 0) return copy_unpack_main(argv + 2);
  if (strcmp(command, "version") == 0) return print_version();
  dprintf(STDERR_FILENO, "usage: isopod-helper fork-server [--idle-ms N] [--instance-lock PATH] SOCKET LOG [CGROUP...]\n"
                         "       isopod-helper enter [CGROUP...] -- COMMAND...\n"
                         "       isopod-helper raw-terminal\n"
                         "       isopod-helper pack FLAGS PATH NAME\n"
                         "       isopod-helper unpack FLAGS DIRECTORY\n"
                         "       isopod-helper version\n");
  return EXIT_USAGE;
}
