/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device of the simplest kind: paints a moving picture into memory, with a
 * header before it that says what it is.  Copy it together with
 * mmiovid-header.h; all that it needs is C99 and POSIX.
 *
 *   painter [OPTIONS] NAME
 *
 * NAME without a slash is /dev/shm/NAME, shared memory; with one it is a file,
 * or a resource file of sysfs that is a BAR.  See what it paints with
 *
 *   gst-launch-1.0 mmiovidsrc device=/dev/shm/NAME ! autovideosink
 *
 * The pixel in column x and row y of the picture number n is red x + n, green
 * y + n, and blue n, each modulo 256.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mmiovid-header.h"

/* Where the first picture begins: on a page that is not the header's, so that
 * the two can be mapped in different ways */
#define FIRST_PICTURE 4096

/* Of each of them */
#define ALIGN 4096

typedef struct
{
  unsigned width;
  unsigned height;
  unsigned pixel_bytes;
  unsigned rate;
  unsigned n_slots;
  unsigned resize_every;
  unsigned long frames;
  FILE *times;
} Options;

static volatile sig_atomic_t ended;

static void
on_signal (int number)
{
  (void) number;
  ended = 1;
}

/* PCI is little-endian, whatever the CPU is.  Each is one store. */
static void
put32 (volatile uint32_t * field, uint32_t value)
{
  const uint8_t bytes[4] = { value, value >> 8, value >> 16, value >> 24 };
  uint32_t word;

  memcpy (&word, bytes, sizeof (word));
  *field = word;
}

static uint32_t
get32 (const volatile uint32_t * field)
{
  const uint32_t word = *field;
  uint8_t bytes[4];

  memcpy (bytes, &word, sizeof (word));
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t) bytes[3] << 24;
}

static void
put64 (volatile uint64_t * field, uint64_t value)
{
  volatile uint32_t *halves = (volatile uint32_t *) field;

  put32 (halves, (uint32_t) value);
  put32 (halves + 1, (uint32_t) (value >> 32));
}

/* What is written before it is seen before what is written after it */
static void
write_barrier (void)
{
  __sync_synchronize ();
}

static uint64_t
get_offset (const Options * options, unsigned picture)
{
  const uint64_t bytes = (uint64_t) options->width * options->height *
      options->pixel_bytes;

  return FIRST_PICTURE + picture * ((bytes + ALIGN - 1) / ALIGN * ALIGN);
}

static uint64_t
get_size (const Options * options)
{
  return get_offset (options, options->n_slots);
}

static void
paint (const Options * options, uint8_t * picture, unsigned width,
    unsigned height, unsigned number)
{
  const size_t stride = (size_t) width * options->pixel_bytes;

  for (unsigned y = 0; y < height; y++) {
    uint8_t *pixel = picture + y * stride;

    for (unsigned x = 0; x < width; x++, pixel += options->pixel_bytes) {
      const uint8_t red = x + number, green = y + number, blue = number;

      if (options->pixel_bytes == 3) {
        pixel[0] = red;
        pixel[1] = green;
        pixel[2] = blue;
      } else {
        pixel[0] = blue;
        pixel[1] = green;
        pixel[2] = red;
        pixel[3] = 0;
      }
    }
  }
}

/* Begins a change of what describes the picture: who reads it meanwhile knows
 * that it is good for nothing, and so is a frame that is read meanwhile */
static void
begin_mode (volatile MmiovidHeader * header)
{
  /* Over what an earlier painter has left: a reader may still look at it */
  put32 (&header->sequence, get32 (&header->sequence) | 1);
  write_barrier ();
}

static void
write_mode (const Options * options, volatile MmiovidHeader * header,
    unsigned width, unsigned height)
{
  put64 (&header->magic, MMIOVID_HEADER_MAGIC);
  put32 (&header->version, MMIOVID_HEADER_VERSION);
  put32 (&header->size, sizeof (*header));
  put32 (&header->format, options->pixel_bytes == 3 ? MMIOVID_FORMAT_RGB :
      MMIOVID_FORMAT_BGRX);
  put32 (&header->width, width);
  put32 (&header->height, height);
  put32 (&header->stride, width * options->pixel_bytes);
  put32 (&header->flags, MMIOVID_HEADER_COUNTER | MMIOVID_HEADER_SEQLOCK);
  put32 (&header->n_slots, options->n_slots);
  put32 (&header->reserved0, 0);
  for (unsigned i = 0; i < MMIOVID_HEADER_MAX_SLOTS; i++)
    put64 (&header->slot_offset[i], i < options->n_slots ?
        get_offset (options, i) : 0);
  for (unsigned i = 0; i < 10; i++)
    put32 (&header->reserved[i], 0);
}

/* Ends it.  The first picture of the new mode is there already. */
static void
end_mode (volatile MmiovidHeader * header)
{
  write_barrier ();
  put32 (&header->sequence, get32 (&header->sequence) + 1);
}

/* The counter is odd while what a reader reads changes: with one picture while
 * it is painted, with several only while another one of them becomes the one
 * that is complete */
static void
count (volatile MmiovidHeader * header)
{
  write_barrier ();
  put32 (&header->counter, get32 (&header->counter) + 1);
  write_barrier ();
}

static void
write_time (FILE * times, unsigned long number)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  fprintf (times, "%lu %lld.%09ld\n", number, (long long) now.tv_sec,
      now.tv_nsec);
}

static void
wait_until (struct timespec *next, unsigned rate)
{
  next->tv_nsec += 1000000000L / rate;
  if (next->tv_nsec >= 1000000000L) {
    next->tv_nsec -= 1000000000L;
    next->tv_sec++;
  }
  while (!ended && clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, next,
          NULL) == EINTR);
}

static void
run (const Options * options, uint8_t * memory)
{
  volatile MmiovidHeader *header = (volatile MmiovidHeader *) memory;
  unsigned width = options->width, height = options->height;
  struct timespec next;

  clock_gettime (CLOCK_MONOTONIC, &next);
  for (unsigned long n = 0; !ended && (!options->frames || n < options->frames);
      n++) {
    const unsigned index = n % options->n_slots;
    const int is_new_mode = n == 0 || (options->resize_every &&
        n % options->resize_every == 0);

    if (is_new_mode) {
      const int is_small = options->resize_every &&
          n / options->resize_every % 2;

      begin_mode (header);
      /* An earlier painter may have ended anywhere */
      if (n == 0 && get32 (&header->counter) % 2)
        count (header);
      width = is_small ? (options->width + 1) / 2 : options->width;
      height = is_small ? (options->height + 1) / 2 : options->height;
      write_mode (options, header, width, height);
    }

    if (options->n_slots == 1)
      count (header);
    paint (options, memory + get_offset (options, index), width, height, n);
    if (options->n_slots > 1)
      count (header);
    put32 (&header->index, index);
    count (header);
    if (options->times)
      write_time (options->times, n);

    if (is_new_mode)
      end_mode (header);
    wait_until (&next, options->rate);
  }
}

/* Writes zeros behind the end, where ftruncate() would leave a hole: a store there
 * ends the process if there is no memory for it.  Returns 0, or -1 with errno set. */
static int
enlarge (int fd, uint64_t size, uint64_t needed)
{
  static const char zeros[65536];

  while (size < needed) {
    const size_t left = needed - size < sizeof (zeros) ? needed - size :
        sizeof (zeros);
    const ssize_t n = pwrite (fd, zeros, left, size);

    /* A BAR takes nothing behind its end */
    if (n == 0)
      errno = EFBIG;
    if (n == 0 || (n < 0 && errno != EINTR))
      return -1;
    size += n < 0 ? 0 : n;
  }

  return 0;
}

static uint8_t *
map (const char *name, uint64_t needed)
{
  char path[4096];
  struct stat st;
  uint8_t *memory = MAP_FAILED;
  int fd;

  snprintf (path, sizeof (path), "%s%s", strchr (name, '/') ? "" : "/dev/shm/",
      name);
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || fstat (fd, &st) < 0) {
    fprintf (stderr, "%s cannot be opened: %s\n", path, strerror (errno));
    exit (1);
  }

  /* A file that is too small is made larger; a BAR cannot be */
  if (enlarge (fd, st.st_size, needed) < 0) {
    fprintf (stderr, "%s has %llu bytes, and %llu are needed: %s\n", path,
        (unsigned long long) st.st_size, (unsigned long long) needed,
        strerror (errno));
    exit (1);
  }

  memory = mmap (NULL, needed, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    fprintf (stderr, "%s cannot be mapped: %s\n", path, strerror (errno));
    exit (1);
  }
  close (fd);

  return memory;
}

static void
usage (void)
{
  fputs ("Usage: painter [OPTIONS] NAME\n"
      "  --size WIDTHxHEIGHT   frame size (640x480)\n"
      "  --format rgb|bgrx     pixel format (rgb)\n"
      "  --rate N              frames per second (60)\n"
      "  --slots N             slots written in turn, 1 to 4 (1)\n"
      "  --resize-every N      frames between switching to half size and back\n"
      "  --frames N            frames to write (until SIGINT or SIGTERM)\n"
      "  --times FILE          write the number and completion time of each frame\n",
      stderr);
  exit (2);
}

static unsigned long
get_number (const char *text, unsigned long least, unsigned long most)
{
  char *end;
  const unsigned long value = strtoul (text, &end, 10);

  if (*text < '0' || *text > '9' || *end || value < least || value > most) {
    fprintf (stderr, "painter: '%s' is not a number from %lu to %lu\n", text,
        least, most);
    usage ();
  }
  return value;
}

static void
parse (Options * options, int argc, char **argv)
{
  static const struct option known[] = {
    {"size", required_argument, NULL, 's'},
    {"format", required_argument, NULL, 'f'},
    {"rate", required_argument, NULL, 'r'},
    {"slots", required_argument, NULL, 'l'},
    {"resize-every", required_argument, NULL, 'e'},
    {"frames", required_argument, NULL, 'n'},
    {"times", required_argument, NULL, 't'},
    {NULL, 0, NULL, 0}
  };
  char *height;
  int option;

  while ((option = getopt_long (argc, argv, "", known, NULL)) >= 0) {
    switch (option) {
      case 's':
        height = strchr (optarg, 'x');
        if (!height) {
          fprintf (stderr, "painter: '%s' is not WIDTHxHEIGHT\n", optarg);
          usage ();
        }
        *height++ = '\0';
        options->width = get_number (optarg, 1, 65535);
        options->height = get_number (height, 1, 65535);
        break;
      case 'f':
        if (strcmp (optarg, "rgb") && strcmp (optarg, "bgrx")) {
          fprintf (stderr, "painter: '%s' is neither rgb nor bgrx\n", optarg);
          usage ();
        }
        options->pixel_bytes = strlen (optarg);
        break;
      case 'r':
        options->rate = get_number (optarg, 1, 1000);
        break;
      case 'l':
        options->n_slots = get_number (optarg, 1, MMIOVID_HEADER_MAX_SLOTS);
        break;
      case 'e':
        options->resize_every = get_number (optarg, 1, 1000000000);
        break;
      case 'n':
        options->frames = get_number (optarg, 1, 1000000000);
        break;
      case 't':
        options->times = fopen (optarg, "we");
        if (!options->times) {
          fprintf (stderr, "%s cannot be written: %s\n", optarg,
              strerror (errno));
          exit (1);
        }
        break;
      default:
        usage ();
    }
  }
  if (optind != argc - 1) {
    fprintf (stderr, "painter: expected one NAME, got %d\n", argc - optind);
    usage ();
  }
}

int
main (int argc, char **argv)
{
  Options options = { 640, 480, 3, 60, 1, 0, 0, NULL };
  const struct sigaction action = {.sa_handler = on_signal };
  uint8_t *memory;

  parse (&options, argc, argv);
  /* Beyond the limit of a file's size, a call fails instead */
  signal (SIGXFSZ, SIG_IGN);
  memory = map (argv[optind], get_size (&options));
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  run (&options, memory);
  munmap (memory, get_size (&options));
  if (options.times)
    fclose (options.times);

  return 0;
}
