/* UDP load: N sockets, each with one datagram in flight, each answer compared byte by byte.
 * What is not answered within --wait seconds counts as lost and is sent again. An answer to an older
 * datagram (it came after we gave up) is told by its number and passed over. */
#include "load.h"

struct source {
    int fd;
    uint64_t sequence;
    char *message;
    nanoseconds since;
};

static size_t size;
static struct waits waits;
static uint64_t wrong, lost;

static void send_next(struct source *s, nanoseconds now) {
    number_message(s->message, size, ++s->sequence);
    s->since = now;
    /* A refusal of an earlier datagram (ICMP) is reported here; the watch over lost ones sees it anyway. */
    if (send(s->fd, s->message, size, 0) < 0 && errno != ECONNREFUSED && errno != EAGAIN)
        die(3, "send");
}

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    struct sockaddr_in server = server_address();
    unsigned count = (unsigned)number("--connections", 50);
    nanoseconds patience = (nanoseconds)(number("--wait", 0.2) * SECOND);
    size = (size_t)number("--size", 64);
    if (!count || size < NUMBER_DIGITS || size > 65507) {
        fprintf(stderr, "--connections is at least 1, --size from %d to 65507\n", NUMBER_DIGITS);
        return 2;
    }
    struct source *sources = calloc(count, sizeof *sources);
    struct epoll_event events[256];
    char *received = malloc(65536);
    int epoll = epoll_create1(0);
    for (unsigned i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &sources[i]};
        sources[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (sources[i].fd < 0 || connect(sources[i].fd, (struct sockaddr *)&server, sizeof server))
            die(3, "connect");
        sources[i].message = malloc(size);
        write_message(sources[i].message, size, i);
        epoll_ctl(epoll, EPOLL_CTL_ADD, sources[i].fd, &event);
    }
    nanoseconds begin = now_ns() + (nanoseconds)(number("--warmup", 0.3) * SECOND);
    nanoseconds end = begin + (nanoseconds)(number("--seconds", 2) * SECOND), now = now_ns(), look = now + patience;
    for (unsigned i = 0; i < count; i++)
        send_next(&sources[i], now);
    while (now < end) {
        int ready = epoll_wait(epoll, events, 256, 20);
        now = now_ns();
        for (int i = 0; i < ready; i++) {
            struct source *s = events[i].data.ptr;
            ssize_t got = recv(s->fd, received, 65536, 0);
            if (got < 0)
                continue;
            if ((size_t)got != size || memcmp(received, s->message, size)) {
                /* The same datagram with an older number is late, anything else is wrong. */
                if ((size_t)got == size && !memcmp(received + NUMBER_DIGITS, s->message + NUMBER_DIGITS, size - NUMBER_DIGITS)
                    && strspn(received, hex_digits) >= NUMBER_DIGITS)
                    continue;
                if (!wrong++)
                    fprintf(stderr, "wrong bytes on socket %u\n", (unsigned)(s - sources));
            }
            now = now_ns();
            if (now >= begin && now < end)
                note_wait(&waits, now - s->since);
            send_next(s, now);
        }
        if (now >= look) {
            for (unsigned i = 0; i < count; i++)
                if (now - sources[i].since >= patience) {
                    lost += now >= begin;
                    send_next(&sources[i], now);
                }
            look = now + patience / 4;
        }
    }
    print_result(&waits, (double)(end - begin) / SECOND, wrong, lost);
    return wrong ? 1 : 0; /* a lost datagram is a figure, not an error: that is what UDP is */
}
