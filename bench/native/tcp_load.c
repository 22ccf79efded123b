/* TCP load: N connections that each keep D messages in flight and compare every byte that comes back.
 *
 *   --mode echo    closed loop for --seconds after --warmup; D (--depth) messages go out together, and the next
 *                  D when all have come back: with D = 1 one in flight, with D = 16 pipelined
 *   --mode burst   all connections dial at the same moment, say one message and wait for its echo:
 *                  the longest wait from dialling to the answer is what a crowd feels
 *   --mode idle    opens the connections, one message each to see that the server has them, prints the JSON,
 *                  and holds them until standard input ends */
#include "load.h"

struct connection {
    int fd;
    unsigned who;
    uint64_t sequence;  /* of the first message in flight */
    char *batch;        /* the messages in flight, and so what has to come back */
    size_t came;        /* bytes of the batch in flight that have come back */
    nanoseconds since;  /* when the batch went out, or dialling began */
    int answered;
};

static size_t size, depth, batch;
static struct waits waits;
static uint64_t wrong, lost;
static char *received;

static void send_batch(struct connection *c) {
    if (!c->batch) {
        c->batch = malloc(batch);
        for (size_t i = 0; i < depth; i++)
            write_message(c->batch + i * size, size, c->who);
    }
    for (size_t i = 0; i < depth; i++)
        number_message(c->batch + i * size, size, c->sequence + i);
    c->since = now_ns();
    c->came = 0;
    for (size_t sent = 0; sent < batch;) {
        ssize_t n = send(c->fd, c->batch + sent, batch - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            continue;
        if (n < 0)
            die(3, "send");
        sent += (size_t)n;
    }
}

/* Read what came; 1 when the batch is whole, 0 when more is to come, -1 when the server broke off. */
static int take(struct connection *c) {
    ssize_t got = recv(c->fd, received, batch - c->came, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return -1;
    if (memcmp(received, c->batch + c->came, (size_t)got)) {
        if (!wrong++)
            fprintf(stderr, "wrong bytes on connection %u in message %llu\n", c->who,
                    (unsigned long long)(c->sequence + c->came / size));
    }
    c->came += (size_t)got;
    return c->came == batch;
}

static void drop(struct connection *c) {
    if (!lost++)
        fprintf(stderr, "the server broke off connection %u\n", c->who);
    close(c->fd);
}

static void echo(struct connection *connections, unsigned count, int epoll) {
    struct epoll_event events[1024];
    nanoseconds begin = now_ns() + (nanoseconds)(number("--warmup", 0.3) * SECOND);
    nanoseconds end = begin + (nanoseconds)(number("--seconds", 2) * SECOND), now = now_ns();
    unsigned alive = count;
    for (unsigned i = 0; i < count; i++)
        send_batch(&connections[i]);
    while (now < end && alive) {
        int ready = epoll_wait(epoll, events, 1024, 200);
        now = now_ns();
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            int whole = take(c);
            if (whole < 0) {
                drop(c);
                alive--;
            } else if (whole) {
                now = now_ns();
                if (now >= begin && now < end)
                    for (size_t k = 0; k < depth; k++)
                        note_wait(&waits, now - c->since);
                c->sequence += depth;
                send_batch(c);
            }
        }
    }
    print_result(&waits, (double)(end - begin) / SECOND, wrong, lost);
}

static void burst(struct connection *connections, unsigned count, int epoll, const struct sockaddr_in *server) {
    struct epoll_event events[1024];
    nanoseconds begin = now_ns(), end = begin + (nanoseconds)(number("--seconds", 30) * SECOND);
    unsigned waiting = count;
    int one = 1;
    for (unsigned i = 0; i < count; i++) {
        struct connection *c = &connections[i];
        struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
        c->since = now_ns();
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (c->fd < 0)
            die(3, "socket");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(c->fd, (const struct sockaddr *)server, sizeof *server) && errno != EINPROGRESS)
            die(3, "connect");
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
    }
    while (waiting && now_ns() < end) {
        int ready = epoll_wait(epoll, events, 1024, 100);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c->answered && (events[i].events & EPOLLOUT) && !(events[i].events & EPOLLERR)) {
                struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
                nanoseconds dialled = c->since;
                epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
                send_batch(c);
                c->since = dialled;
                c->answered = 1;
                continue;
            }
            int whole = take(c);
            if (whole < 0) {
                drop(c);
                waiting--;
            } else if (whole) {
                note_wait(&waits, now_ns() - c->since);
                epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
                waiting--;
            }
        }
    }
    lost += waiting;
    print_result(&waits, (double)(now_ns() - begin) / SECOND, wrong, lost);
}

static void idle(struct connection *connections, unsigned count, int epoll) {
    struct epoll_event event;
    nanoseconds begin = now_ns();
    for (unsigned i = 0; i < count; i++) {
        int whole;
        send_batch(&connections[i]);
        do {
            if (epoll_wait(epoll, &event, 1, 5000) <= 0) {
                fprintf(stderr, "connection %u got no answer within 5 s\n", i);
                exit(1);
            }
        } while (!(whole = take(event.data.ptr)));
        if (whole < 0)
            drop(event.data.ptr), exit(1);
        note_wait(&waits, now_ns() - connections[i].since);
    }
    print_result(&waits, (double)(now_ns() - begin) / SECOND, wrong, lost);
    while (read(0, received, batch) > 0)
        ;
}

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    struct sockaddr_in server = server_address();
    const char *mode = option("--mode", "echo");
    unsigned count = (unsigned)number("--connections", 50);
    size = (size_t)number("--size", 64);
    depth = (size_t)number("--depth", 1);
    batch = size * depth;
    if (!count || !batch) {
        fprintf(stderr, "--connections, --size and --depth are at least 1\n");
        return 2;
    }
    received = malloc(batch);
    struct connection *connections = calloc(count, sizeof *connections);
    int epoll = epoll_create1(0), is_burst = !strcmp(mode, "burst");
    for (unsigned i = 0; i < count; i++) {
        connections[i].who = i;
        if (is_burst)
            continue;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        connections[i].fd = connected(&server);
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    if (is_burst)
        burst(connections, count, epoll, &server);
    else if (!strcmp(mode, "idle"))
        idle(connections, count, epoll);
    else if (!strcmp(mode, "echo"))
        echo(connections, count, epoll);
    else {
        fprintf(stderr, "--mode is echo, burst or idle\n");
        return 2;
    }
    return wrong || lost ? 1 : 0;
}
