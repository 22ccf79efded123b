/* Ask load: N connections that say prepared requests one after the other and compare every byte of the answers.
 *
 *   --file FILE  records of request and answer, each: two lengths (32 bits, network order), request, answer
 *
 * A closed loop, one request in flight per connection, for --seconds after --warmup. Requests of any size: sending and
 * receiving go on at the same time. Connections begin at different records, so that caches do not help too much. */
#include "load.h"

struct record {
    const char *request, *answer;
    size_t asked, answered;
};
struct connection {
    int fd, writing;
    unsigned record;
    size_t sent, came;
    nanoseconds since;
};

static struct record *records;
static unsigned count;
static struct waits waits;
static uint64_t wrong, lost;
static char received[1 << 18];

static void load_records(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        die(2, path);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *all = malloc(size);
    if (fread(all, 1, size, file) != size)
        die(2, path);
    fclose(file);
    for (size_t at = 0; at + 8 <= size; count++) {
        uint32_t lengths[2];
        memcpy(lengths, all + at, 8);
        records = realloc(records, (count + 1) * sizeof *records);
        struct record *r = &records[count];
        r->asked = ntohl(lengths[0]);
        r->answered = ntohl(lengths[1]);
        r->request = all + at + 8;
        r->answer = r->request + r->asked;
        at += 8 + r->asked + r->answered;
    }
    if (!count) {
        fprintf(stderr, "%s holds no record\n", path);
        exit(2);
    }
}

static void say(struct connection *c, int epoll) {
    const struct record *r = &records[c->record];
    while (c->sent < r->asked) {
        ssize_t n = send(c->fd, r->request + c->sent, r->asked - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            die(3, "send");
        if (n < 0)
            break;
        c->sent += (size_t)n;
    }
    int writing = c->sent < r->asked;
    if (writing != c->writing) {
        struct epoll_event event = {.events = EPOLLIN | (writing ? (unsigned)EPOLLOUT : 0u), .data.ptr = c};
        epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
        c->writing = writing;
    }
}

static void begin_request(struct connection *c, int epoll) {
    c->sent = c->came = 0;
    c->since = now_ns();
    say(c, epoll);
}

/* 1 when the answer is whole, 0 when more is to come, -1 when the server broke off. */
static int take(struct connection *c) {
    const struct record *r = &records[c->record];
    size_t left = r->answered - c->came;
    ssize_t got = recv(c->fd, received, left < sizeof received ? left : sizeof received, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return -1;
    if (memcmp(received, r->answer + c->came, (size_t)got) && !wrong++)
        fprintf(stderr, "wrong bytes in the answer to record %u after %zu: %.60s\n", c->record, c->came, received);
    c->came += (size_t)got;
    return c->came == r->answered;
}

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    load_records(option("--file", ""));
    unsigned connections = (unsigned)number("--connections", 50), alive = connections;
    struct sockaddr_in server = server_address();
    struct connection *all = calloc(connections, sizeof *all);
    struct epoll_event events[1024];
    int epoll = epoll_create1(0);
    for (unsigned i = 0; i < connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        all[i].fd = connected(&server);
        all[i].record = i % count;
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    nanoseconds begin = now_ns() + (nanoseconds)(number("--warmup", 0.3) * SECOND);
    nanoseconds end = begin + (nanoseconds)(number("--seconds", 2) * SECOND), now = now_ns();
    for (unsigned i = 0; i < connections; i++)
        begin_request(&all[i], epoll);
    while (now < end && alive) {
        int ready = epoll_wait(epoll, events, 1024, 200);
        now = now_ns();
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                say(c, epoll);
            if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                continue;
            int whole = take(c);
            if (whole < 0) {
                if (!lost++)
                    fprintf(stderr, "the server broke off a connection\n");
                close(c->fd);
                alive--;
            } else if (whole) {
                now = now_ns();
                if (now >= begin && now < end)
                    note_wait(&waits, now - c->since);
                c->record = (c->record + 7) % count;
                begin_request(c, epoll);
            }
        }
    }
    print_result(&waits, (double)(end - begin) / SECOND, wrong, lost);
    return wrong ? 1 : 0;
}
