/*
 * A link between two network namespaces, as slow and as lossy as it is told to be: a TUN device in each, and this relay between.
 * Where the kernel has netem, that does it, too; this one works without.
 *
 *     relay NAMESPACE-A NAMESPACE-B
 *
 * Commands on standard input, one a line: "delay MILLISECONDS" (each way), "jitter MILLISECONDS" (uniform, added to the delay; packets
 * keep their order), "loss FRACTION", "down", "up", "seed N". Prints "ready" once both devices are there, and ends with its input.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET 2048
#define QUEUE 65536

struct packet {
  int64_t due;
  int length;
  unsigned char bytes[PACKET];
};

/* Packets on their way in one direction, in the order in which they are due. */
struct way {
  int from, to;
  struct packet *ring;
  unsigned head, tail;
  int64_t last;
};

static double delay_ms, jitter_ms, loss;
static int down;
static uint64_t state = 88172645463325252ull;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* xorshift64 (G. Marsaglia, "Xorshift RNGs", 2003); from 0 to below 1. */
static double unit(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(state >> 11) / 9007199254740992.0;
}

static int open_tun(const char *name_of_namespace) {
  char path[256];
  snprintf(path, sizeof path, "/var/run/netns/%s", name_of_namespace);
  int space = open(path, O_RDONLY);
  if (space < 0 || setns(space, CLONE_NEWNET) < 0) fail(path);
  close(space);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (fd < 0) fail("/dev/net/tun");
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "link0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) < 0) fail("TUNSETIFF");
  return fd;
}

static void take(struct way *way) {
  for (;;) {
    struct packet *packet = &way->ring[way->tail % QUEUE];
    int length = read(way->from, packet->bytes, PACKET);
    if (length <= 0) return;
    if (down || way->tail - way->head >= QUEUE - 1 || unit() < loss) continue;
    int64_t due = now() + (int64_t)((delay_ms + unit() * jitter_ms) * 1e6);
    if (due < way->last) due = way->last;
    way->last = due;
    packet->due = due;
    packet->length = length;
    way->tail++;
  }
}

static void give(struct way *way) {
  int64_t time = now();
  while (way->head != way->tail) {
    struct packet *packet = &way->ring[way->head % QUEUE];
    if (packet->due > time) return;
    if (write(way->to, packet->bytes, packet->length) < 0) { /* a full device drops, as a link does */ }
    way->head++;
  }
}

static int64_t earliest(const struct way *way) {
  return way->head == way->tail ? INT64_MAX : way->ring[way->head % QUEUE].due;
}

static void obey(char *line) {
  char word[32];
  double value = 0;
  if (sscanf(line, "%31s %lf", word, &value) < 1) return;
  if (!strcmp(word, "delay")) delay_ms = value;
  else if (!strcmp(word, "jitter")) jitter_ms = value;
  else if (!strcmp(word, "loss")) loss = value;
  else if (!strcmp(word, "down")) down = 1;
  else if (!strcmp(word, "up")) down = 0;
  else if (!strcmp(word, "seed")) state = (uint64_t)value * 2654435769u + 1;
  else return;
  printf("%s\n", word);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int a = open_tun(argv[1]), b = open_tun(argv[2]);
  struct way ways[2] = {{.from = a, .to = b}, {.from = b, .to = a}};
  for (int i = 0; i < 2; i++) {
    ways[i].ring = malloc(sizeof(struct packet) * QUEUE);
    if (!ways[i].ring) fail("malloc");
  }
  printf("ready\n");
  fflush(stdout);
  struct pollfd waits[3] = {{.fd = 0, .events = POLLIN}, {.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
  char line[256];
  for (;;) {
    int64_t first = earliest(&ways[0]), second = earliest(&ways[1]);
    int64_t next = first < second ? first : second;
    struct timespec wait = {0, 0}, *timeout = NULL;
    if (next != INT64_MAX) {
      int64_t left = next - now();
      if (left > 0) wait = (struct timespec){left / 1000000000, left % 1000000000};
      timeout = &wait;
    }
    if (ppoll(waits, 3, timeout, NULL) < 0) fail("ppoll");
    if (waits[1].revents) take(&ways[0]);
    if (waits[2].revents) take(&ways[1]);
    give(&ways[0]);
    give(&ways[1]);
    if (waits[0].revents) {
      if (!fgets(line, sizeof line, stdin)) return 0;
      obey(line);
    }
  }
}
