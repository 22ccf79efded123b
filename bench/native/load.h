/* What the load generators have in common: clock, histogram of waiting times, arguments, connecting.
 *
 * Every generator prints one JSON object on stdout and ends with 0; with 1 when an answer was wrong;
 * with 2 when its arguments make no sense; with 3 when it cannot connect. Times are nanoseconds inside,
 * microseconds in the JSON. */
#ifndef LOAD_H
#define LOAD_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef uint64_t nanoseconds;
#define SECOND 1000000000ull

static inline nanoseconds now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (nanoseconds)t.tv_sec * SECOND + (nanoseconds)t.tv_nsec;
}

static inline void die(int code, const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(code);
}

/* A histogram with 32 steps per power of two: the error of a percentile is below 3.2 %, whatever its size. */
#define STEPS 32
#define CELLS (64 * STEPS)
struct waits {
    uint64_t cell[CELLS], count;
    nanoseconds longest;
};

static inline unsigned cell_of(nanoseconds wait) {
    if (wait < STEPS)
        return (unsigned)wait;
    unsigned power = 63u - (unsigned)__builtin_clzll(wait); /* at least 5, for STEPS is 2^5 */
    return (power - 4) * STEPS + (unsigned)((wait >> (power - 5)) & (STEPS - 1));
}

static inline nanoseconds wait_of(unsigned cell) {
    if (cell < STEPS)
        return cell;
    unsigned power = cell / STEPS + 4;
    return ((nanoseconds)(STEPS + cell % STEPS) << (power - 5)) + ((1ull << (power - 5)) >> 1);
}

static inline void note_wait(struct waits *waits, nanoseconds wait) {
    waits->cell[cell_of(wait)]++;
    waits->count++;
    if (wait > waits->longest)
        waits->longest = wait;
}

static inline double percentile_us(const struct waits *waits, double share) {
    uint64_t wanted = (uint64_t)((double)waits->count * share), seen = 0;
    for (unsigned cell = 0; cell < CELLS; cell++)
        if ((seen += waits->cell[cell]) > wanted)
            return (double)wait_of(cell) / 1000.0;
    return (double)waits->longest / 1000.0;
}

static inline void print_result(const struct waits *waits, double seconds, uint64_t wrong, uint64_t lost) {
    printf("{\"messages\": %llu, \"seconds\": %.6f, \"rate\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"max_us\": %.1f, \"wrong\": %llu, \"lost\": %llu}\n",
           (unsigned long long)waits->count, seconds, seconds > 0 ? (double)waits->count / seconds : 0.0,
           percentile_us(waits, 0.50), percentile_us(waits, 0.99), (double)waits->longest / 1000.0,
           (unsigned long long)wrong, (unsigned long long)lost);
    fflush(stdout);
}

/* Arguments are `--name value` pairs; whoever asks for a name gets its value or the default. */
static int arguments;
static char **argument;

static inline const char *option(const char *name, const char *otherwise) {
    for (int i = 1; i + 1 < arguments; i += 2)
        if (!strcmp(argument[i], name))
            return argument[i + 1];
    return otherwise;
}

static inline double number(const char *name, double otherwise) {
    const char *text = option(name, NULL);
    if (!text)
        return otherwise;
    char *end;
    double value = strtod(text, &end);
    if (*end || value < 0) {
        fprintf(stderr, "%s wants a number, not %s\n", name, text);
        exit(2);
    }
    return value;
}

static inline void take_arguments(int argc, char **argv) {
    arguments = argc;
    argument = argv;
    if (argc % 2 == 0) {
        fprintf(stderr, "arguments are --name value pairs\n");
        exit(2);
    }
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) { /* as many descriptors as we may have */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static inline struct sockaddr_in server_address(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number("--port", 0))};
    if (inet_pton(AF_INET, option("--host", "127.0.0.1"), &address.sin_addr) != 1 || !address.sin_port) {
        fprintf(stderr, "--host wants an IPv4 address, --port a port\n");
        exit(2);
    }
    return address;
}

/* A connected TCP socket that does not block. */
static inline int connected(const struct sockaddr_in *server) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die(3, "socket");
    if (connect(fd, (const struct sockaddr *)server, sizeof *server))
        die(3, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* A message is readable and ends with LF, so that it is one line for servers that think in lines; its first digits
 * are its number and tell it from its neighbours, the next ones are the connection's and tell it from the others'. */
#define NUMBER_DIGITS 8
static const char hex_digits[] = "0123456789abcdef";

static inline void write_message(char *message, size_t size, unsigned who) {
    for (size_t i = 0; i + 1 < size; i++)
        message[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < 4 && NUMBER_DIGITS + i + 1 < size; i++)
        message[NUMBER_DIGITS + i] = hex_digits[(who >> (12 - 4 * i)) & 15];
    message[size - 1] = '\n';
}

static inline void number_message(char *message, size_t size, uint64_t sequence) {
    for (size_t i = 0; i < NUMBER_DIGITS && i + 1 < size; i++, sequence >>= 4)
        message[i] = hex_digits[sequence & 15]; /* lowest digit first: short messages differ too */
}
#endif
