#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../steps/descriptors.h"
#include "../steps/paths.h"
#include "../unpack/unpack.h"

#define NS_PER_S UINT64_C(1000000000)

struct copy {
  int connection;
  int root;
  struct written written;
  int proc;
};

static int refuse(const struct copy *copy, int error, const char *detail) {
  return frame_send(copy->connection, MESSAGE_FAILED, (uint64_t)FAILURE_PHASE_REQUEST, UINT64_C(0), (uint64_t)-error, detail);
}

/* The source of a copy, looked at and not opened yet. */
static int find(const struct copy *copy, const char *path, int follow) {
  return path_open(copy->root, path[0] != '\0' ? path : ".", O_PATH | (follow ? 0 : O_NOFOLLOW), 1);
}

static int look_at(const struct copy *copy, const struct value *values) {
  const char *path = values[MESSAGE_LOOK_AT_PATH].bytes;
  char link[PATH_MAX] = "";
  struct stat status;
  cleanup_close int found = find(copy, path, values[MESSAGE_LOOK_AT_FOLLOW].number != 0);
  if (found < 0)
    return refuse(copy, found, path);
  if (fstat(found, &status) < 0)
    return refuse(copy, -errno, path);
  ssize_t length = S_ISLNK(status.st_mode) ? readlinkat(found, "", link, sizeof(link) - 1) : 0;
  link[length > 0 ? length : 0] = 0;
  uint64_t changed = (uint64_t)status.st_mtim.tv_sec * NS_PER_S + (uint64_t)status.st_mtim.tv_nsec;
  return frame_send(copy->connection, MESSAGE_PATH_IS, (uint64_t)status.st_mode, (uint64_t)status.st_uid,
                    (uint64_t)status.st_gid, (uint64_t)status.st_size, changed, link);
}

/* What a request wants packed; the present name tells what failed. */
typedef int pack_work(const struct copy *copy, struct pack *pack, const struct value *values);

static int answer_packed(const struct copy *copy, const struct value *values, pack_work *work) {
  struct pack *pack = calloc(1, sizeof(*pack));
  if (pack == NULL)
    return refuse(copy, -ENOMEM, "");
  pack->proc = copy->proc;
  int result = sink_open(&pack->sink, copy->connection, 1);
  if (result == 0)
    result = work(copy, pack, values);
  char detail[DETAIL_BYTES];
  text_cut(detail, sizeof(detail), pack->name);
  uint64_t entries = pack->entries, bytes = pack->bytes;
  pack_end(pack);
  free(pack);
  if (result == -EPIPE || result == -ECONNRESET)
    return result;
  if (result < 0)
    return refuse(copy, result, detail);
  return frame_send(copy->connection, MESSAGE_TREE_PACKED, entries, bytes);
}

static int pack_tree(const struct copy *copy, struct pack *pack, const struct value *values) {
  const char *path = values[MESSAGE_PACK_TREE_PATH].bytes;
  pack->attributes = values[MESSAGE_PACK_TREE_ATTRIBUTES].number != 0 ? PACK_ATTRIBUTES_PORTABLE : PACK_ATTRIBUTES_NONE;
  text_cut(pack->name, sizeof(pack->name), path);
  cleanup_close int source = find(copy, path, values[MESSAGE_PACK_TREE_FOLLOW].number != 0);
  return source < 0 ? source : pack_all(pack, source, values[MESSAGE_PACK_TREE_NAME].bytes);
}

static int pack_root(const struct copy *copy, struct pack *pack, const struct value *values) {
  (void)values;
  pack->attributes = PACK_ATTRIBUTES_WHOLE;
  cleanup_close int source = find(copy, "", 1);
  int result = source < 0 ? source : pack_mount_of(source, &pack->mount);
  return result < 0 ? result : pack_all(pack, source, "");
}

static int pack_changes(const struct copy *copy, struct pack *pack, const struct value *values) {
  struct changed changed = {
      .upper = copy->written.upper,
      .below = copy->written.below,
      .whole = copy->written.whole,
      .without = &values[MESSAGE_PACK_CHANGES_WITHOUT],
      .lists = values[MESSAGE_PACK_CHANGES_FORM].number == CHANGES_LIST,
  };
  pack->attributes = PACK_ATTRIBUTES_WHOLE;
  pack->owners = copy->written.owners;
  return copy->written.upper < 0 ? -EPROTO : changes_pack(pack, &changed);
}

/* The directory is there, or nothing is unpacked. */
static int check_target(const struct copy *copy, const char *path) {
  cleanup_close int target = path_open(copy->root, path[0] != '\0' ? path : ".", O_PATH | O_DIRECTORY, 1);
  return target < 0 ? target : 0;
}

static void choose_owner(struct unpack *unpack, const struct value *values) {
  unpack->owners = (int)values[MESSAGE_UNPACK_TREE_OWNERS].number;
  if (unpack->owners == OWNERS_CALLER) {
    unpack->uid = geteuid();
    unpack->gid = getegid();
  } else if (unpack->owners == OWNERS_GIVEN) {
    unpack->uid = (uid_t)values[MESSAGE_UNPACK_TREE_UID].number;
    unpack->gid = (gid_t)values[MESSAGE_UNPACK_TREE_GID].number;
  }
}

static int unpack_tree(const struct copy *copy, const struct value *values) {
  char prefix[PATH_MAX];
  const char *path = values[MESSAGE_UNPACK_TREE_PATH].bytes;
  text_cut(prefix, sizeof(prefix), path);
  int result = strlen(path) < sizeof(prefix) ? path_clean(prefix) : -ENAMETOOLONG;
  if (result == 0)
    result = check_target(copy, path);
  cleanup_close int root = result < 0 ? -1 : pack_reopen(&(struct pack){.proc = copy->proc}, copy->root, O_RDONLY | O_DIRECTORY);
  if (result == 0 && root < 0)
    result = root;
  struct unpack *unpack = result < 0 ? NULL : calloc(1, sizeof(*unpack));
  if (unpack == NULL)
    return unpack_refuse(copy->connection, result < 0 ? result : -ENOMEM, path);
  unpack->merges = 1;
  unpack->whiteouts = WHITEOUTS_NONE;
  choose_owner(unpack, values);
  unpack->prefix = prefix;
  unpack->max_entries = unpack->max_bytes = INT64_MAX;
  unpack->archive.header_limit = values[MESSAGE_UNPACK_TREE_MAX_HEADER_BYTES].number;
  result = unpack_answer(unpack, copy->connection, root);
  free(unpack);
  return result;
}

/* 1: another one may follow. What comes behind an archive is no message. */
static int dispatch(const struct copy *copy, uint8_t type, const struct value *values) {
  switch (type) {
    case MESSAGE_LOOK_AT: return look_at(copy, values) >= 0;
    case MESSAGE_PACK_TREE: return answer_packed(copy, values, pack_tree) >= 0;
    case MESSAGE_PACK_ROOT: return answer_packed(copy, values, pack_root) >= 0;
    case MESSAGE_PACK_CHANGES: return answer_packed(copy, values, pack_changes) >= 0;
    case MESSAGE_UNPACK_TREE: unpack_tree(copy, values); return 0;
    default: refuse(copy, -EPROTO, "unexpected message"); return 0;
  }
}

static int serve_frame(const struct copy *copy) {
  struct value values[MAX_VALUES];
  struct frame frame;
  if (frame_read(copy->connection, &frame) != 1)
    return 0;
  const char *signature = wire_message_signature(frame.type);
  int result = signature == NULL ? -EPROTO : wire_decode(signature, frame.payload, frame.length, values);
  if (result < 0)
    refuse(copy, result, "frame");
  int more = result >= 0 && dispatch(copy, frame.type, values);
  frame_free(&frame);
  return more;
}

static int enter(struct copy *copy, uint8_t type, const struct value *values, char *detail) {
  if (type == MESSAGE_ENTER_WRITTEN) {
    int result = copy_enter_written(values, &copy->written, detail);
    copy->root = copy->written.below;
    return result;
  }
  return copy_enter(values, &copy->root, detail);
}

void copy_serve(int connection, uint8_t type, const struct value *values) {
  char detail[DETAIL_BYTES] = "";
  struct copy copy = {.connection = connection, .root = -1, .written = {.upper = -1, .below = -1}};
  copy.proc = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int result = copy.proc < 0 ? -errno : enter(&copy, type, values, detail);
  result = result < 0 ? refuse(&copy, result, detail) < 0 ? -EPIPE : result : frame_send(connection, MESSAGE_DONE);
  while (result >= 0 && serve_frame(&copy)) {}
  const int opened[] = {copy.proc, copy.root, copy.written.upper};
  for (size_t i = 0; i < sizeof(opened) / sizeof(*opened); i++) {
    if (opened[i] >= 0)
      close(opened[i]);
  }
}
