/* What a service tells its manager, as sd_notify(3) has it: one datagram to a unix socket, of which Node knows nothing. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core.h"

#define SEND_DEADLINE_S 5

static int fail(int connection, int error, const char *what) {
  return frame_send(connection, MESSAGE_FAILED, (uint64_t)FAILURE_PHASE_REQUEST, UINT64_C(0), (uint64_t)error, what);
}

/* A name that begins with @ is an abstract one, see unix(7). */
static int address_of(const struct value *name, struct sockaddr_un *address, socklen_t *size) {
  if (name->length < 2 || name->length >= sizeof address->sun_path) return -ENAMETOOLONG;
  if (name->bytes[0] != '/' && name->bytes[0] != '@') return -EAFNOSUPPORT;
  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  memcpy(address->sun_path, name->bytes, name->length);
  if (name->bytes[0] == '@') address->sun_path[0] = 0;
  *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name->length);
  return 0;
}

/*
 * With `maker` the datagram says that it comes from this process, which takes CAP_SYS_ADMIN (EPERM): the manager knows its
 * services by their processes, and a worker is none of them.
 */
static int send_state(int socket, const struct sockaddr_un *address, socklen_t size, const struct value *state,
                      const struct ucred *maker) {
  struct iovec part = { .iov_base = (void *)state->bytes, .iov_len = state->length };
  union { struct cmsghdr header; char bytes[CMSG_SPACE(sizeof *maker)]; } control = {0};
  struct msghdr message = { .msg_name = (void *)address, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1 };
  if (maker != NULL) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof *maker), .cmsg_level = SOL_SOCKET,
                                .cmsg_type = SCM_CREDENTIALS };
    memcpy(CMSG_DATA(header), maker, sizeof *maker);
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : 0;
}

int notify_serve(int connection, const struct value *values) {
  const struct timeval deadline = { .tv_sec = SEND_DEADLINE_S };
  struct sockaddr_un address;
  struct ucred maker;
  socklen_t size = 0, maker_size = sizeof maker;
  int in_its_name = values[MESSAGE_NOTIFY_AS_MAKER].number != 0;
  int result = address_of(&values[MESSAGE_NOTIFY_SOCKET], &address, &size);
  if (result < 0) return fail(connection, -result, "the socket");
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &maker, &maker_size) < 0) return fail(connection, errno, "the peer");
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return fail(connection, errno, "a socket");
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
  result = send_state(descriptor, &address, size, &values[MESSAGE_NOTIFY_STATE], in_its_name ? &maker : NULL);
  close(descriptor);
  if (result < 0) return fail(connection, -result, values[MESSAGE_NOTIFY_SOCKET].bytes);
  return frame_send(connection, MESSAGE_DONE);
}
