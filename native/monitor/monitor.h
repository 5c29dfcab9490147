/*
 * The monitor's state. One thread, one poll loop, nothing in it blocks: what a peer does not take waits in a bounded
 * buffer, what does not fit is held back at its source (owner) or counted and left out (observer).
 *
 *   created ── SYNC_PREPARED ──▶ prepared ── start, exec ──▶ running ── reaped, drained, status written ──▶ exited
 *      └──────────── failure, abort, end of control before start ──────▶ failing (kill, reap, leave)
 */
#ifndef ISOPOD_MONITOR_H
#define ISOPOD_MONITOR_H

#include <poll.h>
#include <stdint.h>

#include "../core.h"
#include "buffer.h"
#include "log.h"

#define MAX_CLIENTS 64
#define MAX_TICKET_BYTES 64
#define MIN_TICKET_BYTES 16
#define MAX_GRANTS 32
#define READ_BYTES (60 * 1024)             /* of one read; with its count it stays below MAX_STREAM_BYTES */
#define LAG_BYTES (256 * 1024)             /* what may wait for an owner or an observer */
#define DRAIN_BYTES (LAG_BYTES + (1 << 20)) /* for an owner once the process has ended: a pipe may hold 1 MiB more */
#define ANSWER_BYTES (16 * 1024)           /* with so much unsent, no further request is read */
#define OWNER_WAIT_MS 30000
#define DRAIN_WAIT_MS 2000
#define HANDSHAKE_WAIT_MS 10000
#define PARTING_WAIT_MS 1000               /* for a peer that was told the end to close its half */
#define LINGER_MS 20                       /* how long memory stays after the launch and the last output */
#define ACCEPT_WAIT_MS 100                 /* after a lack of descriptors or memory */
#define TREE_WAIT_MS 10000                 /* for the processes that the first one has left behind */
#define TREE_ROUND_MS 5                    /* between two looks at them */
#define NEVER UINT64_MAX

#define ROLE_NONE (-1)

struct client {
  struct client *next;
  int descriptor;
  int role;                        /* ATTACH_ROLE_*, or ROLE_NONE before its ticket was seen */
  int stdin_allowed;
  int input_ended;                 /* it half-closed */
  int closing;                     /* closed once all is sent */
  int parting;                     /* all is sent and our half is shut: what still comes is thrown away */
  int dead;                        /* swept after this turn of the loop */
  uint64_t deadline;               /* of the handshake, or of the parting */
  struct buffer out;
  unsigned char header[8];
  uint32_t received;               /* bytes of the present frame, its header included */
  unsigned char *payload;
  const char *stdin_data;          /* inside payload: what the process has not read yet */
  uint32_t stdin_left;
  uint64_t gap[2];                 /* bytes of stdout, stderr that it has missed */
};

struct grant {
  struct grant *next;
  int role;
  uint32_t length;
  unsigned char ticket[MAX_TICKET_BYTES];
};

struct monitor {
  struct launch *launch;
  int kind, terminal;
  int state;                       /* MONITOR_STATE_* */
  int failing;                     /* the launch is given up */
  int start_sent, prepared_untold, started, reaped, released;
  int wait_status;
  uint64_t ended_at_ms;
  int output_whole;
  int slave;                       /* our own end of the terminal, see terminal.c, or -1 */
  uint16_t rows, columns;
  struct log log;
  struct client *clients;
  uint32_t client_count;
  struct grant *grants;
  uint32_t grant_count;
  int owner_awaited;
  int ends_with_owner;             /* who owns the streams takes the process along */
  struct buffer pending;           /* frames for the awaited owner */
  char *scratch;                   /* READ_BYTES; there only while output flows */
  int restless;                    /* the launch or output has left memory behind that an idle monitor gives back */
  int orphans;                     /* signalfd of dead children (kind tree), or -1 */
  int tree_left;                   /* the first process has ended, others of its tree may live */
  int status_missing;              /* nobody was told how it ended */
  uint64_t accept_deadline;        /* until then the listener is left alone, for accepting failed; else NEVER */
  uint64_t owner_deadline, drain_deadline, failing_deadline, tree_deadline;
};

uint64_t now_ms(void);             /* CLOCK_MONOTONIC */
void descriptor_close(int *descriptor);

/* reply.c: frames out. */
struct payload {
  uint32_t length;
  unsigned char bytes[2048];
};

/* A frame to be sent with others. */
struct outgoing {
  uint8_t type;
  const struct payload *payload;
};
void payload_number(struct payload *payload, uint64_t number);
void payload_bytes(struct payload *payload, const void *bytes, uint32_t length);
void payload_string(struct payload *payload, const char *string);
void client_frame(struct client *client, uint8_t type, const struct payload *payload);
void client_stream(struct client *client, uint8_t type, const char *data, uint32_t length);
void client_raw(struct client *client, void *frames, size_t length);
int pending_stream(struct buffer *pending, uint8_t type, const char *data, uint32_t length);
void client_refuse(struct client *client, uint64_t reason);
void client_done(struct client *client);
void client_failed(struct client *client, uint64_t phase, uint64_t error, const char *detail);
void controls_frame(struct monitor *monitor, uint8_t type, const struct payload *payload);
void controls_frames(struct monitor *monitor, const struct outgoing *frames, int count);
void client_exited(struct monitor *monitor, struct client *client);

/* client.c: a connection, whoever it is. */
struct client *client_add(struct monitor *monitor, int descriptor, int role);
void client_flush(struct client *client);
void client_receive(struct monitor *monitor, struct client *client);
/* So many bytes of its stdin frame need not wait any more; after the last one its next frame is read. */
void client_stdin_taken(struct client *client, uint32_t bytes);
void client_end(struct client *client);            /* sends what is queued, then closes */
void clients_sweep(struct monitor *monitor);
short client_events(const struct client *client);
struct client *client_with_role(const struct monitor *monitor, int role);

/* attach.c */
void attach_accept(struct monitor *monitor);
void attach_frame(struct monitor *monitor, struct client *client, const struct frame *frame);
void owner_gone(struct monitor *monitor);
/* ticket.c: whether this ticket opens this role; tickets_spend makes a one-time ticket void. */
int ticket_opens(const struct monitor *monitor, int role, const struct value *ticket);
void ticket_spend(struct monitor *monitor, int role, const struct value *ticket);
int ticket_grant(struct monitor *monitor, int role, const struct value *ticket);
void tickets_free(struct monitor *monitor);

/* control.c, barrier.c */
void control_frame(struct monitor *monitor, struct client *client, const struct frame *frame);
void control_gone(struct monitor *monitor);
void barrier_open(struct monitor *monitor);
void barrier_receive(struct monitor *monitor);
void sync_ended(struct monitor *monitor);
void launch_give_up(struct monitor *monitor);

/* stream.c */
short output_wanted(const struct monitor *monitor, int descriptor);
void output_read(struct monitor *monitor, int stream);
void output_idle(struct monitor *monitor);
void stdin_push(struct monitor *monitor, struct client *client);
void stdin_push_all(struct monitor *monitor);
int stdin_waits(const struct monitor *monitor);
int stdin_descriptor(const struct monitor *monitor);
void stdin_close(struct monitor *monitor);

/* terminal.c */
void terminal_adopt(struct monitor *monitor, int master);
void terminal_resize(struct monitor *monitor, uint64_t rows, uint64_t columns);

/* ending.c */
void ending_reap(struct monitor *monitor);
void ending_advance(struct monitor *monitor);
int ending_over(const struct monitor *monitor);

/* tree.c of the monitor: processes that nobody but us tracks. */
int tree_begin(struct monitor *monitor);
void tree_reap(struct monitor *monitor);
/* Kills and reaps what the first process has left; to be called until tree_left is 0. */
void tree_sweep(struct monitor *monitor);

/* confine.c: keeps CAP_KILL, forbids new privileges, filters system calls. A negative errno when the kernel refuses. */
int confine(int tree);
/* footprint.c: gives back the memory that only the launch needed. */
void footprint_shrink(void);

#endif
