/* Whole frames on a stream socket: `u32 payload bytes | u8 type | 3 zero bytes | payload`. */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core.h"

#define HEADER_BYTES 8

/* 1 all read, 0 end of file before the first byte. */
static int read_all(int socket, unsigned char *bytes, size_t length) {
  size_t done = 0;
  while (done < length) {
    ssize_t got = recv(socket, bytes + done, length - done, 0);
    if (got == 0) return done == 0 ? 0 : -ECONNRESET;
    if (got > 0) done += (size_t)got;
    else if (errno == EAGAIN) poll(&(struct pollfd){ .fd = socket, .events = POLLIN }, 1, -1);
    else if (errno != EINTR) return -errno;
  }
  return 1;
}

int frame_read(int socket, struct frame *frame) {
  unsigned char header[HEADER_BYTES];
  frame->payload = NULL;
  int result = read_all(socket, header, sizeof header);
  if (result <= 0) return result;
  uint32_t length;
  memcpy(&length, header, sizeof length);
  frame->length = le32toh(length);
  frame->type = header[4];
  if (header[5] != 0 || header[6] != 0 || header[7] != 0) return -EBADMSG;
  if (frame->length > MAX_PAYLOAD_BYTES) return -EMSGSIZE;
  /* One byte more than asked, so that an empty payload is a block of its own too. */
  frame->payload = malloc((size_t)frame->length + 1);
  if (frame->payload == NULL) return -ENOMEM;
  if (frame->length == 0) return 1;
  result = read_all(socket, frame->payload, frame->length);
  if (result == 1) return 1;
  frame_free(frame);
  return result == 0 ? -ECONNRESET : result;
}

void frame_free(struct frame *frame) {
  free(frame->payload);
  frame->payload = NULL;
}

static void advance(struct iovec *parts, size_t sent) {
  for (int part = 0; part < 2; part++) {
    size_t taken = sent < parts[part].iov_len ? sent : parts[part].iov_len;
    parts[part].iov_base = (char *)parts[part].iov_base + taken;
    parts[part].iov_len -= taken;
    sent -= taken;
  }
}

int frame_write(int socket, uint8_t type, const void *payload, uint32_t length) {
  unsigned char header[HEADER_BYTES] = { 0 };
  uint32_t size = htole32(length);
  memcpy(header, &size, sizeof size);
  header[4] = type;
  struct iovec parts[2] = { { header, sizeof header }, { (void *)(uintptr_t)payload, length } };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
  while (parts[0].iov_len + parts[1].iov_len > 0) {
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent >= 0) advance(parts, (size_t)sent);
    else if (errno == EAGAIN) poll(&(struct pollfd){ .fd = socket, .events = POLLOUT }, 1, -1);
    else if (errno != EINTR) return -errno;
  }
  return 0;
}

/* With `out` NULL only counts. */
static size_t put(unsigned char *out, size_t offset, const void *bytes, size_t length) {
  if (out != NULL && length > 0) memcpy(out + offset, bytes, length);
  return offset + length;
}

static size_t put_sized(unsigned char *out, size_t offset, const void *bytes, uint32_t length) {
  uint32_t size = htole32(length);
  return put(out, put(out, offset, &size, sizeof size), bytes, length);
}

static size_t build(const char *signature, va_list values, unsigned char *out) {
  size_t offset = 0;
  for (; *signature != 0; signature++) {
    if (*signature == 'u') {
      uint64_t number = htole64(va_arg(values, uint64_t));
      offset = put(out, offset, &number, sizeof number);
    } else if (*signature == 's') {
      const char *text = va_arg(values, const char *);
      offset = put(out, put_sized(out, offset, text, (uint32_t)strlen(text)), "", 1);
    } else {
      const void *bytes = va_arg(values, const void *);
      offset = put_sized(out, offset, bytes, va_arg(values, uint32_t));
    }
  }
  return offset;
}

int frame_send(int socket, uint8_t type, ...) {
  const char *signature = wire_message_signature(type);
  if (signature == NULL || strpbrk(signature, "SL") != NULL) return -EINVAL;
  va_list values;
  va_start(values, type);
  size_t length = build(signature, values, NULL);
  va_end(values);
  if (length > MAX_PAYLOAD_BYTES) return -EMSGSIZE;
  unsigned char small[512];
  unsigned char *payload = length <= sizeof small ? small : malloc(length);
  if (payload == NULL) return -ENOMEM;
  va_start(values, type);
  build(signature, values, payload);
  va_end(values);
  int result = frame_write(socket, type, payload, (uint32_t)length);
  if (payload != small) free(payload);
  return result;
}
