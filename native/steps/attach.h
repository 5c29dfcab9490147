/* Putting the tree in a slot where the container sees it. */
#ifndef ISOPOD_STEPS_ATTACH_H
#define ISOPOD_STEPS_ATTACH_H

#include "../helper.h"

/* What reaches the tree of mounts that are made later: nothing; the host's; both ways, as the tree's own peers have it. */
enum attach_propagation { ATTACH_PRIVATE = 0, ATTACH_SLAVE = 1, ATTACH_AS_IT_IS = 2 };

/* Moves the tree in a slot onto `target`, with what was asked of it before; the slot keeps it. */
int attach_tree(struct step_context *context, uint64_t slot, int target, enum attach_propagation propagation);

#endif
