/* What must be there before the child is: directories and the socket. A failure here costs nothing yet. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor.h"

#define BACKLOG 16
#define DIRECTORY_MODE 0700

static int directory_open(const char *path) {
  int descriptor = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

/*
 * Made here, while the child is at work already. Never what is above it: an agent that was killed has a successor, which
 * may have swept the container away by now.
 */
static int log_directory_open(const char *path) {
  if (mkdir(path, DIRECTORY_MODE) < 0 && errno != EEXIST) return -errno;
  return directory_open(path);
}

/* A socket file without a listener is what a killed monitor left behind. */
static int is_stale(const struct sockaddr_un *address, socklen_t length) {
  int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return 0;
  int stale = connect(probe, (const struct sockaddr *)address, length) < 0 && errno == ECONNREFUSED;
  close(probe);
  return stale;
}

static int socket_bind(int descriptor, const struct sockaddr_un *address, socklen_t length) {
  mode_t before = umask(0177);
  int result = bind(descriptor, (const struct sockaddr *)address, length);
  if (result < 0 && errno == EADDRINUSE && is_stale(address, length)) {
    unlink(address->sun_path);
    result = bind(descriptor, (const struct sockaddr *)address, length);
  }
  int error = errno;
  umask(before);
  return result < 0 ? -error : 0;
}

static int socket_listen(const struct value *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (path->length >= sizeof address.sun_path) return -ENAMETOOLONG;
  memcpy(address.sun_path, path->bytes, path->length);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path->length + 1);
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  int result = socket_bind(descriptor, &address, length);
  if (result == 0 && listen(descriptor, BACKLOG) < 0) result = -errno;
  if (result == 0) return descriptor;
  close(descriptor);
  return result;
}

static int log_check(const struct value *values) {
  uint64_t format = values[MESSAGE_LAUNCH_LOG_FORMAT].number;
  uint64_t files = values[MESSAGE_LAUNCH_LOG_MAX_FILES].number;
  if (format > LOG_FORMAT_RAW || files > LOG_MAX_FILES) return -EINVAL;
  int bounded = values[MESSAGE_LAUNCH_LOG_MAX_BYTES].number > 0;
  return format != LOG_FORMAT_NONE && bounded && files == 0 ? -EINVAL : 0;
}

int monitor_listen(struct launch *launch) {
  const struct value *values = launch->values;
  launch->listener = launch->state_directory = launch->log_directory = -1;
  int result = log_check(values);
  if (result == 0 && values[MESSAGE_LAUNCH_STATE_DIRECTORY].length > 0) {
    result = launch->state_directory = directory_open(values[MESSAGE_LAUNCH_STATE_DIRECTORY].bytes);
  }
  if (result >= 0 && values[MESSAGE_LAUNCH_LOG_FORMAT].number != LOG_FORMAT_NONE) {
    result = launch->log_directory = log_directory_open(values[MESSAGE_LAUNCH_LOG_DIRECTORY].bytes);
  }
  if (result >= 0) result = launch->listener = socket_listen(&values[MESSAGE_LAUNCH_SOCKET_PATH]);
  if (result >= 0) return 0;
  descriptor_close(&launch->state_directory);
  descriptor_close(&launch->log_directory);
  return result;
}
