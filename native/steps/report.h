/* How a step says what it was about when it fails. */
#ifndef ISOPOD_STEPS_REPORT_H
#define ISOPOD_STEPS_REPORT_H

#include "../helper.h"

/* Makes `text` the detail of the failing step and returns `error` (a negative errno), so that both fit one return. */
int report(struct step_context *context, int error, const char *text);
/* The same with two parts: "text: more". */
int report_about(struct step_context *context, int error, const char *text, const char *more);
/* The same with a number behind: "text 42". */
int report_number(struct step_context *context, int error, const char *text, uint64_t number);
/* Refuses a number that a step has no meaning for, before a cast could give it one: 0, or -EINVAL with "text 42". */
int check_at_most(struct step_context *context, const char *text, uint64_t number, uint64_t limit);

#endif
