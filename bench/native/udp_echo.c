/* The yardstick for datagrams: recvfrom, sendto, one after the other, blocking. `udp_echo --port N`
 * `--spoil N` turns a bit of every N-th datagram, `--swallow N` answers none of every N-th (tests). */
#include "load.h"

static char buffer[65536];

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    struct sockaddr_in address = server_address(), peer;
    uint64_t spoil = (uint64_t)number("--spoil", 0), swallow = (uint64_t)number("--swallow", 0), came = 0;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(fd, (struct sockaddr *)&address, sizeof address))
        die(3, "bind");
    for (;;) {
        socklen_t length = sizeof peer;
        ssize_t got = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &length);
        if (got < 0)
            continue;
        came++;
        if (swallow && came % swallow == 0)
            continue;
        if (spoil && came % spoil == 0 && got)
            buffer[got / 2] ^= 1;
        sendto(fd, buffer, (size_t)got, 0, (struct sockaddr *)&peer, length);
    }
}
