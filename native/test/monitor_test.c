/* Runs the monitor's behaviours: all, or those whose names are given. */
#include "monitor_test.h"

#include <string.h>
#include <unistd.h>

#define BEHAVIOURS(X) \
  X(start_is_remembered_until_prepared_and_the_status_is_written) \
  X(a_failing_step_is_reported) \
  X(without_its_agent_an_unstarted_child_is_killed) \
  X(an_abort_ends_all) \
  X(without_its_agent_a_started_process_goes_on) \
  X(signals_reach_the_process_and_only_while_it_lives) \
  X(log_lines_follow_the_cri_format) \
  X(a_rotated_log_is_bounded_and_whole) \
  X(raw_files_hold_each_stream_alone) \
  X(the_owner_gets_every_byte_and_holds_the_process_back) \
  X(a_stalled_observer_misses_output_and_slows_nobody) \
  X(tickets_admit_once_and_one_owner) \
  X(stdin_reaches_the_process_and_ends) \
  X(an_observer_ends_stdin_when_it_is_nobodys) \
  X(an_observer_does_not_end_stdin_of_an_owner) \
  X(a_half_close_ends_stdin_and_output_still_comes) \
  X(an_owner_that_leaves_ends_stdin) \
  X(an_owner_takes_the_process_along) \
  X(an_owner_that_comes_late_gets_output_and_status) \
  X(a_terminal_echoes_and_is_resized) \
  X(output_of_a_grandchild_is_cut_after_two_seconds) \
  X(the_filter_kills_on_a_call_that_is_not_listed) \
  X(a_log_without_a_bound_of_files_is_refused) \
  X(garbage_ends_its_own_connection_only) \
  X(an_attached_client_cannot_send_more_than_a_stream_frame) \
  X(stdin_that_nobody_reads_stalls_its_sender_only) \
  X(silent_clients_are_bounded) \
  X(a_client_that_still_speaks_after_the_end_reads_all_of_it) \
  X(a_client_that_stays_after_the_end_holds_nobody_up) \
  X(a_tree_ends_with_its_first_process) \
  X(orphans_of_a_tree_are_reaped_while_it_runs)

#define DECLARE(name) void name(void);
BEHAVIOURS(DECLARE)

#define ROW(name) {#name, name},
static const struct {
  const char *name;
  void (*run)(void);
} TESTS[] = {BEHAVIOURS(ROW)};

int main(int argc, char **argv) {
  alarm(120);
  for (size_t i = 0; i < sizeof TESTS / sizeof *TESTS; i++) {
    int wanted = argc == 1;
    for (int a = 1; a < argc; a++) wanted |= strcmp(argv[a], TESTS[i].name) == 0;
    if (!wanted) continue;
    fprintf(stderr, "%s\n", TESTS[i].name);
    TESTS[i].run();
  }
  return 0;
}
