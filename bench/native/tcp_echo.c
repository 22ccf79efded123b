/* The yardstick: a TCP echo server with one epoll loop and nothing else. `tcp_echo --port N`
 * `--spoil N` turns one bit of every N-th read: the load generators must find that out (tests). */
#include "load.h"

#define EVENTS 1024
static char buffer[256 * 1024];

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    struct sockaddr_in address = server_address();
    uint64_t spoil = (uint64_t)number("--spoil", 0), reads = 0;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), epoll = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
        die(3, "listen");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
                    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
                }
                continue;
            }
            ssize_t got = recv(fd, buffer, sizeof buffer, 0);
            if (got <= 0) {
                if (got == 0 || (errno != EAGAIN && errno != EINTR))
                    close(fd);
                continue;
            }
            if (spoil && ++reads % spoil == 0)
                buffer[got / 2] ^= 1;
            for (ssize_t sent = 0, n; sent < got; sent += n) {
                n = send(fd, buffer + sent, (size_t)(got - sent), MSG_NOSIGNAL);
                if (n < 0) { /* full: wait for room; with loads that keep little in flight this is rare */
                    if (errno != EAGAIN) {
                        close(fd);
                        break;
                    }
                    n = 0;
                }
            }
        }
    }
}
