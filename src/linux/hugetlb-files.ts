/**
 * Names of the files of one page size (kernel documentation, admin-guide/cgroup-v1/hugetlb.rst and cgroup-v2.rst);
 * those of reservations came with Linux 5.7.
 *
 * @param pageSize as the kernel writes it, for example `2MB`
 */
export function hugetlbFiles(version: 1 | 2, pageSize: string) {
  const prefix = `hugetlb.${pageSize}`;
  if (version === 2) {
    return {
      limit: `${prefix}.max`,
      reservationLimit: `${prefix}.rsvd.max`,
      usage: `${prefix}.current`,
    };
  }
  return {
    limit: `${prefix}.limit_in_bytes`,
    reservationLimit: `${prefix}.rsvd.limit_in_bytes`,
    usage: `${prefix}.usage_in_bytes`,
  };
}

/** `hugepages-2048kB` of /sys/kernel/mm/hugepages → `2MB`, as cgroup files are named (mm/hugetlb_cgroup.c). */
export function hugePageSizeName(directory: string): string | undefined {
  const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(directory)?.[1] ?? Number.NaN);
  if (!(kilobytes > 0)) return undefined;
  if (kilobytes >= 1 << 20) return `${kilobytes >> 20}GB`;
  return kilobytes >= 1 << 10 ? `${kilobytes >> 10}MB` : `${kilobytes}KB`;
}
