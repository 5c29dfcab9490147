/* Access to devices in cgroup v2: a program of type BPF_PROG_TYPE_CGROUP_DEVICE attached to a group. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"
#include "report.h"

#define INSTRUCTION_BYTES 8
#define MOST_INSTRUCTIONS 4096
#define MOST_ATTACHED 64
/* By this name ours is known among the programs of a group: systemd may have attached one, too. */
#define PROGRAM_NAME "isopod_devices"

static long bpf(int command, union bpf_attr *attributes) {
  long result = syscall(SYS_bpf, command, attributes, sizeof *attributes);
  return result < 0 ? -errno : result;
}

static int load(const void *instructions, uint32_t count) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = (uintptr_t)instructions;
  attributes.insn_cnt = count;
  attributes.license = (uintptr_t)"Apache-2.0";
  memcpy(attributes.prog_name, PROGRAM_NAME, sizeof PROGRAM_NAME);
  return (int)bpf(BPF_PROG_LOAD, &attributes);
}

/* Before 5.11 a program counts as locked memory, of which 64 KiB are a usual bound. */
static int load_past_bound(const void *instructions, uint32_t count) {
  int program = load(instructions, count);
  struct rlimit before, none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  if (program != -EPERM || getrlimit(RLIMIT_MEMLOCK, &before) < 0 || setrlimit(RLIMIT_MEMLOCK, &none) < 0)
    return program;
  program = load(instructions, count);
  setrlimit(RLIMIT_MEMLOCK, &before);
  return program;
}

static int is_ours(int program) {
  struct bpf_prog_info info;
  memset(&info, 0, sizeof info);
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.info.bpf_fd = (uint32_t)program;
  attributes.info.info_len = sizeof info;
  attributes.info.info = (uintptr_t)&info;
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) < 0)
    return 0;
  return strncmp(info.name, PROGRAM_NAME, sizeof info.name) == 0;
}

/* The program of ours that is attached to the group; -ENOENT without one. */
static int attached(int group) {
  uint32_t ids[MOST_ATTACHED];
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.query.target_fd = (uint32_t)group;
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = (uintptr_t)ids;
  attributes.query.prog_cnt = MOST_ATTACHED;
  long error = bpf(BPF_PROG_QUERY, &attributes);
  if (error < 0)
    return (int)error;
  uint32_t count = attributes.query.prog_cnt;
  for (uint32_t index = 0; index < count && index < MOST_ATTACHED; index++) {
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_id = ids[index];
    int program = (int)bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
    if (program < 0)
      continue;
    if (is_ours(program))
      return program;
    close(program);
  }
  return -ENOENT;
}

/* BPF_F_REPLACE (Linux 5.6) puts one in the place of the other at once: at no moment is there neither or are there both. */
static int attach(int group, int program) {
  cleanup_close int old = attached(group);
  if (old < 0 && old != -ENOENT)
    return old;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.target_fd = (uint32_t)group;
  attributes.attach_bpf_fd = (uint32_t)program;
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (old >= 0) {
    attributes.attach_flags |= BPF_F_REPLACE;
    attributes.replace_bpf_fd = (uint32_t)old;
  }
  return (int)bpf(BPF_PROG_ATTACH, &attributes);
}

int step_set_device_program(struct step_context *context, const struct value *values) {
  const char *path = values[STEP_SET_DEVICE_PROGRAM_PATH].bytes;
  const struct value *bytes = &values[STEP_SET_DEVICE_PROGRAM_PROGRAM];
  uint32_t count = bytes->length / INSTRUCTION_BYTES;
  if (bytes->length % INSTRUCTION_BYTES != 0 || count == 0 || count > MOST_INSTRUCTIONS)
    return report_number(context, -EINVAL, "bytes of a device program", bytes->length);
  cleanup_close int group = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (group < 0)
    return report(context, -errno, path);
  /* The kernel reads instructions in words. */
  uint64_t instructions[MOST_INSTRUCTIONS];
  memcpy(instructions, bytes->bytes, bytes->length);
  cleanup_close int program = load_past_bound(instructions, count);
  if (program < 0)
    return report(context, program, "the device program");
  int error = attach(group, program);
  return error < 0 ? report(context, error, path) : 0;
}
