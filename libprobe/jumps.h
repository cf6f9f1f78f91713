/*
 * JUMP(NAME): the exported NAME keeps its argument registers, calls before_NAME with
 * them, and jumps to the address that gives back. Unwind information kept right.
 */
#ifndef PROBE_JUMPS_H
#define PROBE_JUMPS_H

/* The next definition of any type, looked up once; NULL where there is none. */
#define FOUND(NAME, TYPE)                                          \
    (__extension__({                                               \
        static TYPE *found;                                        \
        if (!found)                                                \
            found = (TYPE *)lookup_next(#NAME);                    \
        found;                                                     \
    }))

#define JUMP_TARGET __attribute__((visibility("hidden"), used))

#if defined(__x86_64__)

#define JUMP(NAME)                                                          \
    __asm__(".text\n\t.globl " #NAME "\n\t.type " #NAME ", @function\n" #NAME ":\n\t" \
            ".cfi_startproc\n\t"                                            \
            "push %rdi\n\t.cfi_adjust_cfa_offset 8\n\t"                     \
            "push %rsi\n\t.cfi_adjust_cfa_offset 8\n\t"                     \
            "push %rdx\n\t.cfi_adjust_cfa_offset 8\n\t"                     \
            "push %rcx\n\t.cfi_adjust_cfa_offset 8\n\t"                     \
            "push %r8\n\t.cfi_adjust_cfa_offset 8\n\t"                      \
            "push %r9\n\t.cfi_adjust_cfa_offset 8\n\t"                      \
            "sub $8, %rsp\n\t.cfi_adjust_cfa_offset 8\n\t"                  \
            "call before_" #NAME "\n\t"                                     \
            "add $8, %rsp\n\t.cfi_adjust_cfa_offset -8\n\t"                 \
            "pop %r9\n\t.cfi_adjust_cfa_offset -8\n\t"                      \
            "pop %r8\n\t.cfi_adjust_cfa_offset -8\n\t"                      \
            "pop %rcx\n\t.cfi_adjust_cfa_offset -8\n\t"                     \
            "pop %rdx\n\t.cfi_adjust_cfa_offset -8\n\t"                     \
            "pop %rsi\n\t.cfi_adjust_cfa_offset -8\n\t"                     \
            "pop %rdi\n\t.cfi_adjust_cfa_offset -8\n\t"                     \
            "jmp *%rax\n\t.cfi_endproc\n\t.size " #NAME ", .-" #NAME);

#elif defined(__aarch64__)

#define JUMP(NAME)                                                          \
    __asm__(".text\n\t.globl " #NAME "\n\t.type " #NAME ", %function\n" #NAME ":\n\t" \
            ".cfi_startproc\n\t"                                            \
            "stp x29, x30, [sp, #-80]!\n\t.cfi_adjust_cfa_offset 80\n\t"    \
            ".cfi_rel_offset 29, 0\n\t.cfi_rel_offset 30, 8\n\t"            \
            "stp x0, x1, [sp, #16]\n\tstp x2, x3, [sp, #32]\n\t"            \
            "stp x4, x5, [sp, #48]\n\tstr x6, [sp, #64]\n\t"                \
            "bl before_" #NAME "\n\tmov x16, x0\n\t"                        \
            "ldp x0, x1, [sp, #16]\n\tldp x2, x3, [sp, #32]\n\t"            \
            "ldp x4, x5, [sp, #48]\n\tldr x6, [sp, #64]\n\t"                \
            "ldp x29, x30, [sp], #80\n\t.cfi_adjust_cfa_offset -80\n\t"     \
            "br x16\n\t.cfi_endproc\n\t.size " #NAME ", .-" #NAME);

#endif

#endif
