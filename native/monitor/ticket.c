/*
 * Tickets admit a client. The control ticket is the agent's own and holds for the monitor's life, so that agent after
 * agent can come back; the owner's and every granted one are good for one attachment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor.h"

/* Takes the same time wherever two tickets of one length differ. */
static int same(const void *left, uint32_t left_length, const void *right, uint32_t right_length) {
  if (left_length != right_length || left_length < MIN_TICKET_BYTES) return 0;
  const volatile unsigned char *a = left, *b = right;
  unsigned char difference = 0;
  for (uint32_t i = 0; i < left_length; i++) difference |= (unsigned char)(a[i] ^ b[i]);
  return difference == 0;
}

static struct grant **find(struct monitor *monitor, int role, const struct value *ticket) {
  struct grant **found = NULL;
  for (struct grant **link = &monitor->grants; *link != NULL; link = &(*link)->next) {
    struct grant *grant = *link;
    if (same(grant->ticket, grant->length, ticket->bytes, ticket->length) && grant->role == role) found = link;
  }
  return found;
}

int ticket_opens(const struct monitor *monitor, int role, const struct value *ticket) {
  return find((struct monitor *)monitor, role, ticket) != NULL;
}

void ticket_spend(struct monitor *monitor, int role, const struct value *ticket) {
  struct grant **link = find(monitor, role, ticket);
  if (link == NULL || role == ATTACH_ROLE_CONTROL) return;
  struct grant *spent = *link;
  *link = spent->next;
  monitor->grant_count--;
  explicit_bzero(spent, sizeof *spent);
  free(spent);
}

/* The newest stand in front; more than MAX_GRANTS push the oldest one-time ticket out, for its client never came. */
static void forget_oldest(struct monitor *monitor) {
  struct grant **oldest = NULL;
  for (struct grant **link = &monitor->grants; *link != NULL; link = &(*link)->next) {
    if ((*link)->role != ATTACH_ROLE_CONTROL) oldest = link;
  }
  if (oldest == NULL) return;
  struct grant *forgotten = *oldest;
  *oldest = forgotten->next;
  monitor->grant_count--;
  free(forgotten);
}

int ticket_grant(struct monitor *monitor, int role, const struct value *ticket) {
  if (ticket->length < MIN_TICKET_BYTES || ticket->length > MAX_TICKET_BYTES) return -EINVAL;
  if (role < ATTACH_ROLE_CONTROL || role > ATTACH_ROLE_OBSERVER) return -EINVAL;
  if (monitor->grant_count >= MAX_GRANTS) forget_oldest(monitor);
  if (monitor->grant_count >= MAX_GRANTS) return -ENOBUFS;
  struct grant *grant = calloc(1, sizeof *grant);
  if (grant == NULL) return -ENOMEM;
  grant->role = role;
  grant->length = ticket->length;
  memcpy(grant->ticket, ticket->bytes, ticket->length);
  grant->next = monitor->grants;
  monitor->grants = grant;
  monitor->grant_count++;
  return 0;
}

void tickets_free(struct monitor *monitor) {
  while (monitor->grants != NULL) {
    struct grant *next = monitor->grants->next;
    free(monitor->grants);
    monitor->grants = next;
  }
}
