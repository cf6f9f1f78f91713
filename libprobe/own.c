/*
 * The pages that the kernel wipes in fork children: alone in .bss, see layout.ld.
 */
#include "log.h"

struct wiped own_pages __attribute__((section(".bss.own")));
