/*
 * Who is at the other end of a unix socket that another process has accepted. Node cannot ask, so the socket is borrowed from
 * it for one question: pidfd_getfd(2), since Linux 5.6.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.h"

#define MOST_GROUPS 65536                /* NGROUPS_MAX (linux/limits.h) */

static int fail(int connection, int error, const char *what) {
  return frame_send(connection, MESSAGE_FAILED, (uint64_t)FAILURE_PHASE_REQUEST, UINT64_C(0), (uint64_t)error, what);
}

/* The descriptor of whoever made `connection`. Nobody else can be asked about: a request names no process. */
static int borrow(int connection, uint64_t descriptor) {
  struct ucred maker;
  socklen_t size = sizeof maker;
  if (descriptor > INT32_MAX) return -EBADF;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &maker, &size) < 0) return -errno;
  int process = process_pidfd(maker.pid);
  if (process < 0) return process;
  int borrowed = (int)syscall(SYS_pidfd_getfd, process, (int)descriptor, 0);
  int result = borrowed < 0 ? -errno : borrowed;
  close(process);
  return result;
}

/* The further groups, as many as there are; the caller frees. */
static int peer_groups(int socket, uint32_t **groups, uint32_t *count) {
  socklen_t size = 0;
  *groups = NULL;
  *count = 0;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0) return 0;
  if (errno != ERANGE || size > MOST_GROUPS * sizeof(gid_t)) return errno == ERANGE ? -E2BIG : -errno;
  *groups = malloc(size);
  if (*groups == NULL) return -ENOMEM;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, *groups, &size) < 0) return -errno;
  *count = (uint32_t)(size / sizeof(gid_t));
  for (uint32_t i = 0; i < *count; i++) (*groups)[i] = htole32((*groups)[i]);
  return 0;
}

int peer_serve(int connection, const struct value *values) {
  int socket = borrow(connection, values[MESSAGE_PEER_DESCRIPTOR].number);
  if (socket < 0) return fail(connection, -socket, "the descriptor");
  struct ucred peer;
  socklen_t size = sizeof peer;
  uint32_t *groups = NULL, count = 0;
  int error = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? -errno : 0;
  if (error == 0) error = peer_groups(socket, &groups, &count);
  close(socket);
  int result = error < 0 ? fail(connection, -error, "the socket")
                         : frame_send(connection, MESSAGE_PEER_IS, (uint64_t)peer.pid, (uint64_t)peer.uid,
                                      (uint64_t)peer.gid, (const void *)groups, count * (uint32_t)sizeof(gid_t));
  free(groups);
  return result;
}
