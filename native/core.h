/* What the files of the helper's core share among themselves; the rest of the helper sees helper.h only. */
#ifndef ISOPOD_CORE_H
#define ISOPOD_CORE_H

#include "helper.h"

/* ── decoding (wire.c, steps.c) ── */

/* Walks a step list; `at` has been bounds-checked by wire_decode. */
struct step_cursor { const char *at; uint32_t left; };
struct step_cursor step_cursor(const struct value *list);
/* 1 and the next step's code and body, 0 at the end. */
int step_next(struct step_cursor *cursor, uint16_t *code, const unsigned char **body, uint32_t *length);
/* Whether the list has a step of this code. */
int steps_contain(const struct value *list, uint16_t code);
/* The code of the last step, 0 for an empty list. */
uint16_t steps_last(const struct value *list);

/* steps_run with a hook before each step; a hook that fails counts as that step's failure. */
struct step_walk;
typedef int step_hook(struct step_walk *walk);
struct step_walk {
  struct step_context *context;
  const struct value *list;
  int where;
  step_hook *before;                     /* or NULL */
  void *state;                           /* of the hook */
  uint32_t index;                        /* of the present step, of the failed one in the end */
  uint16_t code;                         /* its code */
};
int steps_walk(struct step_walk *walk);

/* ── groups (groups.c) ── */

/*
 * Makes a container's groups: the last `levels` of a path; existing ones are fine. What is above them is not ours to make: a
 * scope of systemd's that has ended meanwhile must not come back as a group that systemd knows nothing of.
 */
int group_make_own(const char *path, uint64_t levels);
/* Moves the caller itself. Writing one's own pid as 0 spares the grace period that moving another process costs. */
int group_join(const char *path);
/* Makes a group and moves the caller into it. */
int group_enter(const char *path);
/* Leaves an instance's group for the hierarchy's root, and removes what of the instance is empty. */
void group_dissolve(const char *path);
/* 1 for a cgroup v2 directory, 0 for v1. */
int group_is_v2(const char *path);

/* ── processes (process.c) ── */

/* Dispositions default, nothing blocked; undoes whatever this image or its parents set. */
void process_reset_signals(void);
/* The same in what a fork server has forked: all that it set itself since it did so is SIGPIPE and the mask. */
void process_restore_signals(void);
/*
 * Lowers the soft limit of open files, never the hard one: Node raises its own as far as it may, and programs that close
 * every possible descriptor, or put one into select(2), suffer from inheriting that.
 */
int process_limit_open_files(void);
/*
 * Nice value, scheduler, processors, disk priority and OOM score as of a process that nobody has favoured or put back.
 * What the kernel does not let us raise stays: it is no reason to run nothing.
 */
void process_forget_priority(void);
/*
 * Resource limits as the kernel gives them to its first process (INIT_RLIMITS), and no bound of processes: the groups of
 * a container bound those. Hard limits rise as far as the kernel lets them.
 */
void process_forget_limits(void);
/* Closes every descriptor from `first` on. */
void process_close_from(unsigned first);
/* Makes every descriptor from `first` on close-on-exec. */
void process_close_on_exec_from(unsigned first);
/* What `ps` shows: whoever looks from inside a container must not read the host's paths there. */
void process_set_title(const char *role, const char *name);
uint64_t clock_us(void);                 /* CLOCK_MONOTONIC */
uint64_t clock_wall_ms(void);            /* since the epoch */

/* ── the program itself (image.c) ── */

/* Runs this program again, with the same arguments, from where nobody can change it; returns 0 once it does. */
int image_protect(char **argv);

/* ── fork server (fork_server.c, registry.c, lost.c) ── */

/* What a monitor or worker tells the fork server, as one packet of the pipe (at most PIPE_BUF bytes, hence atomic). */
enum registration_kind { REGISTRATION_MONITOR = 1, REGISTRATION_RETIRE = 2 };
#define REGISTRATION_TEXT_BYTES 4000
struct registration {
  uint32_t kind;
  pid_t monitor;
  pid_t process;                         /* session: what dies with its monitor; container: 0, its group does */
  uint32_t tracking_bytes;               /* of `text`, with the NUL; the state directory follows */
  char text[REGISTRATION_TEXT_BYTES];
};
/* -ENAMETOOLONG when the paths do not fit into one packet. */
int registration_send(int pipe, const struct registration *head, const char *tracking, const char *state);

/* The children that the fork server made, and what the monitors among them have told it. */
struct child_entry {
  pid_t pid;
  pid_t process;
  char *text;                            /* tracking, NUL, state directory, NUL; NULL: not a monitor */
  uint32_t tracking_bytes;
};
struct registry {
  struct child_entry *entries;
  size_t count, capacity;
};
int registry_add(struct registry *registry, pid_t pid);
/*
 * Ends every child of the fork server that it has not made itself: it was left behind by a monitor that died. What such a
 * one leaves behind comes to the fork server as well, so the end of one is the moment to call this again.
 */
void registry_kill_strays(struct registry *registry);
/* How many of them are monitors. */
size_t registry_monitors(const struct registry *registry);
/* Takes every packet that waits in the pipe. 1 when one of them asked to retire. */
int registry_drain(struct registry *registry, int pipe);
/* Removes the entry of a dead child into *entry, whose text the caller frees. 0 when it is none of ours. */
int registry_take(struct registry *registry, pid_t pid, struct child_entry *entry);

int fork_server_main(int argc, char **argv);
/* Runs in a process of its own: empties the group, writes the status that the dead monitor owes. Returns an exit code. */
int lost_settle(const char *tracking, const char *state_directory);

/* ── tracking without groups (tree.c) ── */

/* From here on every orphan below this process becomes its child. */
int tree_track(void);
/* Calls for each child of this process as the kernel lists them; one that is forked meanwhile may be missed. */
typedef void tree_visitor(void *state, pid_t pid);
int tree_visit(tree_visitor *visitor, void *state);
/* SIGKILL to every child. To be repeated until none is left. */
int tree_kill(void);

/* ── a worker (worker.c, launch.c) ── */

struct worker {
  int connection;
  int registration;                      /* write end of the fork server's pipe */
  const char *socket_path;               /* of the fork server */
};
/* Serves one connection and returns the process's exit code. */
int worker_main(const struct worker *worker);
/* Becomes a monitor. 0: ended in order; anything else: the fork server has to clean up. */
/* watch.c: tells of what happens to cgroups, until the connection ends; `first` is the first of its requests. */
void watch_serve(int connection, const struct value *first);
/* port.c: connects to ports in the network namespaces of containers, until the connection ends. */
void port_serve(int connection, const struct value *first);
/* read.c: answers with what many small kernel files hold. */
int read_serve(int connection, const struct value *values);
/* browse.c: what files below a directory are, and what one of them holds; nothing there leads out of it. */
int browse_list(int connection, const struct value *values);
int browse_read(int connection, const struct value *values);
/* peer.c: answers who is at the other end of a socket of the process that made the connection. */
int peer_serve(int connection, const struct value *values);
/* notify.c: tells the service manager of the process that made the connection. */
int notify_serve(int connection, const struct value *values);
/* measure.c: answers one `measure`; a negative errno when nobody is there to be answered. */
int measure_serve(int connection, const struct value *values);
int launch_serve(const struct worker *worker, const struct value *values, uint64_t received_us);

/* ── a launch (clone.c, stdio.c, child.c, session.c, terminal.c, reaper.c) ── */

/*
 * Like fork with the launch's clone flags: 0 in the child, its pid in the caller, whose launch gets a pidfd.
 * *must_join: the kernel could not let the child be born in its tracking group, so it has to join it itself.
 */
pid_t launch_clone(struct launch *launch, const struct birth *birth, int *must_join);
int stdio_open(struct launch *launch);
/*
 * In the child, once it sees the container's root. A null stdin of the host's would let the container change the mode and
 * owner of that device, so it becomes the container's own; and the pipes belong to the user, who opens /dev/stderr anew.
 */
int stdio_settle(const struct launch *launch, uid_t uid);
/* Closes the child's ends. */
void stdio_close_child(struct launch *launch);
/* The new process, from clone to exec. `sync` is its end. */
_Noreturn void child_main(struct launch *launch, int sync, int must_join);
/* In the child of a session: opens enterPid and checks its start time. Returns a pidfd. */
int session_open(const struct launch *launch);
/* Enters the namespaces. In the pid namespace is only what is forked from here on; `told` gets the pipe that this takes. */
int session_enter(struct step_context *context, int pidfd, int *told);
/*
 * Whether the session has to be seen by its container before this step. Somebody in there may have CAP_SYS_PTRACE, which being not
 * dumpable does not stop, so all that takes more rights than the container has should stand before it.
 */
int session_appears_at(uint16_t code);
/* Overwrites what of the request is not the child's to do: tickets, and paths of the host. */
void session_forget(const struct launch *launch);
/* Where the pid namespace was entered, forks, and only the forked process returns. Tells the monitor, as its first message. */
int session_appear(struct step_context *context, const int *told);
/* Makes the pty, and stdio of it. Returns the master. */
int terminal_open(struct step_context *context, int bind_console);
/* Takes the terminal on stdin as the controlling one of this session, sends the master to the monitor and closes it. */
int terminal_take(struct step_context *context, int master);
/* Forks; only the child returns. The caller reaps, forwards signals and ends as the child ended. */
int reaper_fork(struct launch *launch);

/* hand_over.c: after the last host step, the child goes on. */
int hand_over_finish(struct step_context *context);

/* A message of one number or none on a launch's sync socket. */
int sync_tell(int socket, uint32_t kind, pid_t pid);

#endif
