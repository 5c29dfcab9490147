/* Whether an erofs image still holds what it was made of. */
#include <errno.h>
#include <fcntl.h>

#include "compare.h"
#include "descriptors.h"
#include "erofs.h"
#include "report.h"

/* What is remembered of a file was right when it was read: what is looked at is the disk. */
static void forget_content(const char *path) {
  cleanup_close int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file >= 0)
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
}

/* All that the image holds is read, so that the kernel checks it where the image is sealed. */
int step_compare_erofs(struct step_context *context, const struct value *values) {
  const char *image = values[STEP_COMPARE_EROFS_IMAGE].bytes;
  const char *left = values[STEP_COMPARE_EROFS_MODEL].bytes;
  char log[DETAIL_BYTES] = "";
  cleanup_close int model = open(left, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (model < 0)
    return report(context, -errno, left);
  forget_content(image);
  cleanup_close int tree = erofs_mount(image, values[STEP_COMPARE_EROFS_DIGEST].bytes, log, sizeof(log));
  if (tree < 0)
    return report_about(context, tree, image, log[0] != '\0' ? log : "erofs");
  return trees_compare(context, model, tree);
}
