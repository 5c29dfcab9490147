#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steps_harness.h"
#include "steps_leaks.h"

static int idmap(uint64_t slot, const char *uids, const char *gids) {
  return STEP(step_idmap_mount, number(slot), text(uids), text(gids));
}

static void make_volume(void) {
  make_dir(scratch("volume"));
  make_dir(scratch("volume/below"));
  CHECK(mount("tmpfs", scratch("volume/below"), "tmpfs", 0, "mode=0755") == 0);
  make_file(scratch("volume/file"), "x");
  make_file(scratch("volume/below/file"), "x");
  CHECK(chown(scratch("volume/file"), 1000, 1000) == 0);
  CHECK_IS(STEP(step_clone_tree, number(1), text(scratch("volume")), number(1), number(1)), 0);
}

static struct stat seen(const char *path) {
  struct stat status;
  char name[256];
  snprintf(name, sizeof(name), "seen/%s", path);
  CHECK(stat(scratch(name), &status) == 0);
  return status;
}

static void shows_other_owners(void) {
  make_volume();
  struct held before = held_now();
  CHECK_IS(idmap(1, "1000 5000 1\n0 6000 1\n", "1000 7000 1"), 0);
  CHECK_HELD(before);
  make_dir(scratch("seen"));
  CHECK_IS(STEP(step_attach_at, number(1), text(scratch("seen"))), 0);
  CHECK(seen("file").st_uid == 5000 && seen("file").st_gid == 7000);
  CHECK_IS(seen("below/file").st_uid, 6000);
  /* An id that the map does not name is nobody's. */
  CHECK_IS(seen("below/file").st_gid, 65534);
  struct stat status;
  CHECK(stat(scratch("volume/file"), &status) == 0 && status.st_uid == 1000);
}

static void refuses_id_maps(void) {
  REFUSES(EBADF, "slot 1", step_idmap_mount, number(1), text("0 1 1"), text("0 1 1"));
  make_volume();
  REFUSES(EINVAL, "user namespace of the id map: nonsense", step_idmap_mount, number(1), text("nonsense"), text("0 1 1"));
  REFUSES(EINVAL, "user namespace of the id map: 0 1 1", step_idmap_mount, number(1), text("0 1 1"), text("0 1"));
  without_capabilities(UINT64_C(1) << CAP_SYS_ADMIN);
  REFUSES(EPERM, "id map: 0 1 1", step_idmap_mount, number(1), text("0 1 1"), text("0 1 1"));
  without_capabilities(0);
  CHECK_IS(idmap(1, "0 1 1", "0 1 1"), 0);
  REFUSES(EPERM, "id map: 0 2 1", step_idmap_mount, number(1), text("0 2 1"), text("0 2 1"));
  CHECK_IS(STEP(step_clone_tree, number(2), text("/proc"), number(0), number(1)), 0);
  REFUSES(EINVAL, "id map", step_idmap_mount, number(2), text("0 1 1"), text("0 1 1"));
}

const struct test IDMAP_TESTS[] = {
    {"a volume shows other owners, the mounts in it too, and keeps its own on disk", shows_other_owners},
    {"id maps that are none, second ones, and file systems without them are refused", refuses_id_maps},
    {NULL, NULL},
};
