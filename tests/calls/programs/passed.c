/* A child opens files and passes their descriptors to its parent, which reads one and writes the other. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int pass(int socket, const int *files, int count)
{
    char byte = 0;
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control};
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    memset(&control, 0, sizeof control);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(&control.head), files, (size_t)count * sizeof(int));
    return sendmsg(socket, &message, 0) != 1;
}

static void child(int socket)
{
    int files[2] = {open("read", O_RDONLY), open("written", O_WRONLY | O_CREAT | O_TRUNC, 0644)};
    _exit(pass(socket, &files[0], 1) || pass(socket, &files[1], 1));
}

int main(void)
{
    int ends[2], status, got = -1, files[2];
    char byte[2], text[8];
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control[2];
    struct iovec vectors[2] = {{&byte[0], 1}, {&byte[1], 1}};
    struct mmsghdr messages[2];
    FILE *made = fopen("read", "w");
    if (!made || fputs("text", made) < 0 || fclose(made) || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
        return 1;
    if (fork() == 0)
        child(ends[1]);
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < 2; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1, .msg_control = &control[i],
                                              .msg_controllen = sizeof control[i]};
    errno = 77;
    if (recvmsg(ends[0], &messages[0].msg_hdr, 0) != 1 || errno != 77)
        return 2;
    got = recvmmsg(ends[0], &messages[1], 1, 0, NULL);
    if (got != 1 || errno != 77)
        return 3;
    for (int i = 0; i < 2; i++)
        memcpy(&files[i], CMSG_DATA(&control[i].head), sizeof files[i]);
    if (read(files[0], text, sizeof text) != 4 || write(files[1], text, 4) != 4 || close(files[1]))
        return 4;
    wait(&status);
    return status;
}
