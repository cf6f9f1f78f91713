/* Talks to itself: TCP over both families, a datagram socket, a path, and one address where nobody listens. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int talk(int family, void *address, socklen_t size, in_port_t *port)
{
    int server = socket(family, SOCK_STREAM, 0), client = socket(family, SOCK_STREAM, 0);
    if (server < 0 || bind(server, address, size) || listen(server, 1))
        return 1;
    if (port)
        getsockname(server, address, &size);
    if (connect(client, address, size))
        return 2;
    int other = accept(server, NULL, NULL);
    if (port)
        printf("%d\n", ntohs(*port));
    close(other), close(server), close(client);
    return other < 0 ? 3 : 0;
}

int main(void)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "here.sock"};
    int failed = talk(AF_INET, &four, sizeof four, &four.sin_port);
    if (talk(AF_INET6, &six, sizeof six, &six.sin6_port))
        printf("0\n");
    failed |= talk(AF_UNIX, &local, sizeof local, NULL);
    int none = socket(AF_INET, SOCK_STREAM, 0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    failed |= connect(none, (void *)&four, sizeof four) == 0; /* nobody listens there any more */
    four.sin_port = htons(9);
    failed |= connect(datagrams, (void *)&four, sizeof four);
    return failed;
}
