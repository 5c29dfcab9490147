/* fs-verity: a file that the kernel checks as it is read, by the root of a hash tree (Documentation/filesystems/fsverity.rst). */
#ifndef ISOPOD_STEPS_VERITY_H
#define ISOPOD_STEPS_VERITY_H

/* Room for "sha256:", 64 hex digits and the NUL. */
#define VERITY_TEXT_BYTES 72

/* Writes the digest of a sealed file: -ENODATA or an errno of "cannot" when it is none. */
int verity_measure(int file, char *text);
/* 0 when the file is sealed with this digest, -EBADMSG when it is with another or with none. An empty one asks for nothing. */
int verity_check(int file, const char *expected);

#endif
