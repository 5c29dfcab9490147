/* Whether one tree is as another. */
#ifndef ISOPOD_STEPS_COMPARE_H
#define ISOPOD_STEPS_COMPARE_H

#include "../helper.h"

/*
 * 0 when `tree` is as `model`, both directories; -ENOMSG when not, with what and where as the detail, as `compare-trees` tells it. Nothing
 * is followed and no mount entered (-EXDEV); memory and the length of paths have bounds.
 */
int trees_compare(struct step_context *context, int model, int tree);

#endif
