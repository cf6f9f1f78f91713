/*
 * The pages that the kernel wipes in fork children. Alone in this file, which is linked last: at the
 * end of the data the wish costs one mapping more and not two.
 */
#include "log.h"

struct this_exec own_pages;
