/*
 * Times requests to the agent, one after the other on one connection, without the cost of a client that is a large
 * program itself.
 *
 *   request SOCKET COUNT|SECONDSs PAUSE_MS POST_PATH BODY [GET_PATH]
 *
 * With GET_PATH each POST is followed by a GET, in whose path `{}` stands for the first uid of the answer. Prints the
 * microseconds of each, from the first byte sent to the last one read. What is no success, or tells of a command that did
 * not exit with 0, ends it with the answer on standard error.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_BYTES (64 * 1024)
#define ANSWER_BYTES (1024 * 1024)
#define LENGTH_HEADER "\r\ncontent-length:"
#define UID_FIELD "\"uid\":\""

static uint64_t now_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void die(const char *what)
{
  perror(what);
  exit(1);
}

static int connect_to(const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof(address)) < 0)
    die(path);
  return connection;
}

/* Bytes of head and body together, 0 while the head is not there yet. */
static size_t answer_length(const char *answer)
{
  const char *end = strstr(answer, "\r\n\r\n");
  if (end == NULL)
    return 0;
  const char *length = strcasestr(answer, LENGTH_HEADER);
  if (length == NULL || length > end) {
    fprintf(stderr, "an answer of unknown length: %s\n", answer);
    exit(1);
  }
  return (size_t)(end + 4 - answer) + strtoul(length + strlen(LENGTH_HEADER), NULL, 10);
}

static int is_success(const char *answer)
{
  if (strncmp(answer, "HTTP/1.1 2", strlen("HTTP/1.1 2")) != 0)
    return 0;
  return strstr(answer, "\"exitStatus\"") == NULL || strstr(answer, "\"code\":0") != NULL;
}

static void exchange(int connection, const char *request, char *answer)
{
  size_t got = 0, wanted = 0;
  if (write(connection, request, strlen(request)) != (ssize_t)strlen(request))
    die("write");
  while (wanted == 0 || got < wanted) {
    ssize_t more = read(connection, answer + got, ANSWER_BYTES - 1 - got);
    if (more <= 0)
      die("read");
    got += (size_t)more;
    answer[got] = '\0';
    wanted = answer_length(answer);
  }
  if (is_success(answer))
    return;
  fprintf(stderr, "%s\n", answer);
  exit(1);
}

/* The request that `path` makes with the uid of an answer. */
static void make_get(char *request, const char *path, const char *answer)
{
  const char *braces = strstr(path, "{}"), *uid = strstr(answer, UID_FIELD);
  if (braces == NULL || uid == NULL)
    die("no uid to ask for");
  uid += strlen(UID_FIELD);
  snprintf(request, REQUEST_BYTES, "GET %.*s%.*s%s HTTP/1.1\r\nhost: agent\r\n\r\n", (int)(braces - path), path,
           (int)strcspn(uid, "\""), uid, braces + 2);
}

int main(int count, char **arguments)
{
  static char post[REQUEST_BYTES], get[REQUEST_BYTES], answer[ANSWER_BYTES];
  if (count != 6 && count != 7) {
    fprintf(stderr, "usage: request SOCKET COUNT|SECONDSs PAUSE_MS POST_PATH BODY [GET_PATH]\n");
    return 2;
  }
  useconds_t pause_us = (useconds_t)atoi(arguments[3]) * 1000;
  char *unit;
  unsigned long bound = strtoul(arguments[2], &unit, 10);
  snprintf(post, sizeof(post), "POST %s HTTP/1.1\r\nhost: agent\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
           arguments[4], strlen(arguments[5]), arguments[5]);
  int connection = connect_to(arguments[1]);
  uint64_t end = now_us() + bound * 1000000;
  for (unsigned long done = 0; *unit == 's' ? now_us() < end : done < bound; done++) {
    uint64_t start = now_us();
    exchange(connection, post, answer);
    if (count == 7) {
      make_get(get, arguments[6], answer);
      exchange(connection, get, answer);
    }
    printf("%llu\n", (unsigned long long)(now_us() - start));
    fflush(stdout);
    if (pause_us > 0)
      usleep(pause_us);
  }
  return 0;
}
