/* A filter that allows only write, close, openat and the end, and kills for anything else. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "check.h"

#define ALLOW(NUMBER) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NUMBER, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int main(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_write), ALLOW(SYS_close), ALLOW(SYS_openat), ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
    for (int i = 0; i < 2000; i++) {
        char path[] = "none-0000";
        for (int at = 8, left = i; at > 4; at--, left /= 10)
            path[at] = (char)('0' + left % 10);
        FAILS(openat(AT_FDCWD, path, O_RDONLY), ENOENT);
    }
    int file = openat(AT_FDCWD, "made", O_WRONLY | O_CREAT, 0600);
    CHECK(file >= 0 && close(file) == 0);
    return 0;
}
