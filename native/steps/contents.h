/* What files hold. */
#ifndef ISOPOD_STEPS_CONTENTS_H
#define ISOPOD_STEPS_CONTENTS_H

/* Compares two open files from where they stand to their ends. 1 when they hold the same, 0 when not, else a negative errno. */
int contents_are_same(int one, int other);

#endif
