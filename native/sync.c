/* Messages between a monitor and its child, over a seqpacket socketpair. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core.h"

union control {
  char bytes[CMSG_SPACE(FD_SLOTS * sizeof(int))];
  struct cmsghdr alignment;
};

int sync_send(int socket, const struct sync_message *message, const int *descriptors, int count) {
  union control control;
  struct iovec part = { (void *)(uintptr_t)message, sizeof *message };
  struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
  if (count < 0 || count > FD_SLOTS) return -EINVAL;
  if (count > 0) {
    size_t length = (size_t)count * sizeof *descriptors;
    memset(&control, 0, sizeof control);
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(length);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(rights), descriptors, length);
  }
  while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return -errno;
  }
  return 0;
}

/* Takes the descriptors that came; those that nobody wants are closed, so that none leaks. */
static int take_descriptors(struct msghdr *header, int *descriptors, int *count) {
  int taken = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int came = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int index = 0; index < came; index++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(part) + (size_t)index * sizeof descriptor, sizeof descriptor);
      if (descriptors != NULL && taken < FD_SLOTS) descriptors[taken++] = descriptor;
      else close(descriptor);
    }
  }
  if (count != NULL) *count = taken;
  return taken;
}

int sync_receive(int socket, struct sync_message *message, int *descriptors, int *count) {
  union control control;
  struct iovec part = { message, sizeof *message };
  struct msghdr header;
  ssize_t got;
  for (;;) {
    header = (struct msghdr){
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes,
    };
    got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    if (got >= 0) break;
    /* The kernel reports that the peer died with our messages unread before it hands out what the peer had sent. */
    if (errno != EINTR && errno != ECONNRESET) return -errno;
  }
  take_descriptors(&header, descriptors, count);
  if (got == 0) return 0;
  if (got != (ssize_t)sizeof *message || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return -EBADMSG;
  message->detail[DETAIL_BYTES - 1] = 0;
  if (message->kind == SYNC_FAILED && message->error <= 0) return -EBADMSG;
  return message->slot_count <= FD_SLOTS ? 1 : -EBADMSG;
}

int sync_tell(int socket, uint32_t kind, pid_t pid) {
  struct sync_message message = { .kind = kind, .pid = pid };
  return sync_send(socket, &message, NULL, 0);
}
