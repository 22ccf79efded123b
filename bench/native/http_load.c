/* HTTP/1.1 load: N kept connections, one request in flight each. `--path /` sends GET; `--body FILE` sends that file
 * with POST and `Content-Type: text/xml`. An answer is right when its status is 200, its content is as long as it
 * says and, with `--holds TEXT`, when TEXT is somewhere in it. A server that closes after an answer (it does not keep
 * connections) is dialled again, which costs what it costs.
 *
 * With `--same FILE` the content may be long and must be what is in FILE: the first answers of each connection and every
 * 64th one are compared byte by byte; of the others the length is counted and the bytes are dropped by the system
 * (MSG_TRUNC), so that the load is not the slower side. */
#include "load.h"
#include <strings.h>

#define ROOM (1 << 20)
#define FIRST 4096 /* bytes read at first where content is long: the head, and a little of the content */
#define PIECE (1 << 18)

struct connection {
    int fd;
    size_t came;      /* bytes of the answer so far, in `answer` */
    size_t head;      /* length of its head, 0 while that is not whole */
    size_t length;    /* of its content */
    int dialling;
    int closes;       /* the server said `Connection: close`, or speaks HTTP/1.0 and does not say keep-alive */
    int until_end;    /* no length was given: the content ends with the connection */
    int chunked;      /* with --same only */
    unsigned answers; /* on this connection */
    char *answer;
    nanoseconds since;
};

static char *request;
static size_t request_length;
static const char *holds;
static size_t holds_length;
static char *same, *scratch; /* what the content must be, and where bytes go that are only compared */
static size_t same_length, room = ROOM;
static struct waits waits;
static uint64_t wrong, reopened;
static int epoll;
static struct sockaddr_in server;

/* Dialling does not block: with a short backlog it takes seconds, and the other connections go on. */
static void open_connection(struct connection *c) {
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    int one = 1;
    c->dialling = 1;
    c->since = now_ns();
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die(3, "socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (const struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS)
        die(3, "connect");
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void send_request(struct connection *c) {
    if (c->dialling) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
        c->dialling = 0; /* and its waiting time began with dialling */
    } else {
        c->since = now_ns();
    }
    c->came = c->head = c->length = 0;
    c->closes = c->until_end = 0;
    for (size_t sent = 0; sent < request_length;) {
        ssize_t n = send(c->fd, request + sent, request_length - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            continue;
        if (n < 0)
            return; /* closed meanwhile: the read that follows sees it */
        sent += (size_t)n;
    }
}

static void complain(const struct connection *c, const char *what) {
    if (!wrong++)
        fprintf(stderr, "%s: %.*s\n", what, (int)(c->came < 300 ? c->came : 300), c->answer);
}

/* The value of field `name` in the head, or NULL. `name` is given with its colon. */
static const char *field(const struct connection *c, const char *name) {
    size_t length = strlen(name);
    const char *end = c->answer + c->head;
    for (const char *line = c->answer; (line = memchr(line, '\n', (size_t)(end - line))) && ++line + length < end;)
        if (!strncasecmp(line, name, length))
            return line + length + strspn(line + length, " \t");
    return NULL;
}

/* Look for the end of the head, and read from it how long the content is. */
static void read_head(struct connection *c) {
    char *blank = memmem(c->answer, c->came, "\r\n\r\n", 4);
    if (!blank)
        return;
    c->head = (size_t)(blank - c->answer) + 4;
    const char *length = field(c, "content-length:"), *connection = field(c, "connection:");
    int old = !strncmp(c->answer, "HTTP/1.0", 8);
    c->closes = connection ? !strncasecmp(connection, "close", 5) : old;
    if (length)
        c->length = strtoul(length, NULL, 10);
    else
        c->until_end = 1;
    c->chunked = same && field(c, "transfer-encoding:") != NULL;
    if (c->chunked) {
        c->until_end = 0;
        return;
    }
    if (field(c, "transfer-encoding:")) {
        complain(c, "the answer is chunked, which this load generator does not read");
        exit(1);
    }
    if (c->came < 12 || memcmp(c->answer + 9, "200", 3))
        complain(c, "not a 200");
    if (same && (c->until_end || c->length != same_length)) {
        complain(c, "the content is not as long as it should be");
        exit(1);
    }
    if (!same && c->length + c->head > ROOM) {
        complain(c, "the answer is too long");
        exit(1);
    }
}

static void compare(struct connection *c, const char *came, size_t at, size_t count) {
    if (at + count > same_length || memcmp(same + at, came, count))
        complain(c, "the content is not what it should be");
}

/* All of a chunked answer came: undo the chunks in place and compare. */
static void compare_chunks(struct connection *c) {
    char *at = c->answer + c->head, *end = c->answer + c->came;
    size_t found = 0;
    for (;;) {
        char *line = memmem(at, (size_t)(end - at), "\r\n", 2);
        size_t size = strtoul(at, NULL, 16);
        if (!line || !size || (size_t)(end - line) < size + 4)
            break;
        compare(c, line + 2, found, size);
        found += size;
        at = line + 2 + size + 2;
    }
    if (found != same_length)
        complain(c, "the content is not as long as it should be");
}

static int take_chunks(struct connection *c, int looked_at) {
    while (c->came < c->head + same_length + 5 || memcmp(c->answer + c->came - 5, "0\r\n\r\n", 5)) {
        ssize_t got = c->came < room ? recv(c->fd, c->answer + c->came, room - c->came, 0) : 0;
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (got <= 0)
            return c->closes = 1, -1;
        c->came += (size_t)got;
    }
    if (looked_at)
        compare_chunks(c);
    c->answers++;
    return 1;
}

/* The same as `take`, for content of any length that is known beforehand. */
static int take_known(struct connection *c) {
    int looked_at = c->answers < 2 || c->answers % 64 == 0;
    if (!c->head) {
        ssize_t got = recv(c->fd, c->answer + c->came, FIRST - c->came, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (got <= 0)
            return c->closes = 1, -1;
        c->came += (size_t)got;
        read_head(c);
        if (!c->head)
            return c->came < FIRST ? 0 : (c->closes = 1, -1);
        if (!c->chunked)
            compare(c, c->answer + c->head, 0, c->came - c->head);
    }
    if (c->chunked)
        return take_chunks(c, looked_at);
    size_t left = c->head + c->length - c->came;
    while (left) {
        size_t most = looked_at && left > PIECE ? PIECE : left;
        ssize_t got = recv(c->fd, scratch, most, looked_at ? 0 : MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (got <= 0)
            return c->closes = 1, -1;
        if (looked_at)
            compare(c, scratch, c->came - c->head, (size_t)got);
        c->came += (size_t)got;
        left -= (size_t)got;
    }
    c->answers++;
    return 1;
}

/* Read what came; 1 when the answer is whole, 0 when more is to come, -1 when the connection ended before. */
static int take(struct connection *c) {
    if (same)
        return take_known(c);
    ssize_t got = recv(c->fd, c->answer + c->came, ROOM - c->came, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0) {
        c->closes = 1;
        return got == 0 && c->head && c->until_end ? 1 : -1;
    }
    c->came += (size_t)got;
    if (!c->head)
        read_head(c);
    return c->head && !c->until_end && c->came >= c->head + c->length;
}

static void judge(struct connection *c) {
    if (same)
        return;
    if (!c->until_end && c->came > c->head + c->length)
        complain(c, "more came than the answer's length");
    if (holds && !memmem(c->answer + c->head, c->came - c->head, holds, holds_length))
        complain(c, "the content does not hold what it should");
}

static void read_same(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        die(2, path);
    same_length = (size_t)ftell(file);
    rewind(file);
    same = malloc(same_length + 1);
    room += same_length;
    scratch = malloc(same_length > PIECE ? same_length : PIECE);
    if (fread(same, 1, same_length, file) != same_length)
        die(2, path);
    fclose(file);
}

static void write_request(void) {
    const char *body = option("--body", NULL), *host = option("--host", "127.0.0.1");
    request = malloc(ROOM);
    if (!body) {
        request_length = (size_t)snprintf(request, ROOM, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n",
                                          option("--path", "/"), host, ntohs(server.sin_port));
        return;
    }
    char *content = malloc(ROOM);
    FILE *file = fopen(body, "rb");
    if (!file)
        die(2, body);
    size_t length = fread(content, 1, ROOM / 2, file);
    fclose(file);
    request_length = (size_t)snprintf(request, ROOM,
                                      "POST %s HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: bench\r\nContent-Type: text/xml\r\n"
                                      "Content-Length: %zu\r\n\r\n",
                                      option("--path", "/"), host, ntohs(server.sin_port), length);
    memcpy(request + request_length, content, length);
    request_length += length;
    free(content);
}

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    server = server_address();
    unsigned count = (unsigned)number("--connections", 50);
    holds = option("--holds", NULL);
    holds_length = holds ? strlen(holds) : 0;
    if (option("--same", NULL))
        read_same(option("--same", NULL));
    write_request();
    struct connection *connections = calloc(count, sizeof *connections);
    struct epoll_event events[1024];
    epoll = epoll_create1(0);
    nanoseconds begin = now_ns() + (nanoseconds)(number("--warmup", 0.3) * SECOND);
    nanoseconds end = begin + (nanoseconds)(number("--seconds", 2) * SECOND), now = now_ns();
    for (unsigned i = 0; i < count; i++) {
        connections[i].answer = malloc(room);
        open_connection(&connections[i]);
    }
    while (now < end) {
        int ready = epoll_wait(epoll, events, 1024, 200);
        now = now_ns();
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->dialling) {
                int error = 0;
                socklen_t length = sizeof error;
                getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
                if (error) {
                    errno = error;
                    die(3, "connect");
                }
                send_request(c);
                continue;
            }
            int whole = take(c);
            if (!whole)
                continue;
            now = now_ns();
            if (whole > 0) {
                judge(c);
                if (now >= begin && now < end)
                    note_wait(&waits, now - c->since);
            } else if (c->came) {
                complain(c, "the server broke off in the middle of an answer");
            }
            if (c->closes) {
                close(c->fd);
                reopened++;
                open_connection(c);
            } else {
                send_request(c);
            }
        }
    }
    /* `lost` counts connections that had to be opened anew: 0 for a server that keeps them. */
    print_result(&waits, (double)(end - begin) / SECOND, wrong, reopened);
    return wrong ? 1 : 0;
}
