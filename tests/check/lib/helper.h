/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the library's tests share */

#include <gst/check/gstcheck.h>

#include "mmiobackend.h"
#include "mmioerror.h"
#include "mmioreader.h"

#if defined(__has_include) && __has_include (<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0
#endif

G_BEGIN_DECLS

/* A wait that takes longer has hung */
#define HANG (120 * G_TIME_SPAN_SECOND)

TCase *add_case (Suite * suite, const char *name);

void check_error (GError ** error, MmioErrorCode code, ...)
    G_GNUC_NULL_TERMINATED;

/* Formats */

const MmioFormat *test_format (const char *name);
guint test_format_count (void);
guint test_format_count_paintable (void);
const MmioFormat *test_format_nth (guint n);
MmioSpec test_spec (const char *format, guint width, guint height,
    guint64 offset, guint stride);
MmioPicture test_picture (const char *format, guint width, guint height,
    guint64 offset, guint stride);
gboolean in_picture (const MmioPicture * picture, guint64 byte);

/* Engines: loop tests run from the first to before the end */

#define FIRST_ENGINE MMIO_ENGINE_ORC
#define END_ENGINE (MMIO_ENGINE_U32 + 1)

gboolean can_run (MmioEngine engine);
const MmioReader *test_reader (MmioEngine engine);

/* Memory */

typedef struct
{
  guint8 *map;
  gsize map_size;
  guint8 *data;
  gsize size;
} Pages;

void pages_init (Pages * pages, guint n);
void pages_clear (Pages * pages);
gsize page_size (void);

void fill_random (guint8 * data, gsize size, guint32 seed);
void fail_unless_all (const guint8 * data, gsize size, guint8 value);

/* The process */

guint count_fds (void);
guint count_threads (void);
guint count_threads_named (const char *name);
guint count_maps (const char *word);
guint count_maps_of_child (const char *word);
char *get_map_permissions (const char *word);
int find_fd (const char *word);
guint count_fds_of (const char *word);
void check_not_inherited (const char *word);
void wait_for_threads (guint wanted);

/* Files */

void temp_setup (void);
void temp_teardown (void);
char *temp_path (const char *name);
char *temp_file (const char *name, const guint8 * data, gsize size);
guint8 *temp_map (const char *name, gsize size, char **path);

/* A device of which the test is master: its BARs are memory */

typedef struct
{
  MmioDevice parent;
  int fd[MMIO_MAX_BARS];
  gboolean fail_map;
  gboolean *freed;

  guint n_maps;
  guint last_bar;
  guint64 last_offset;
  gsize last_length;
  MmioMapping last_wanted;

  int interrupt_fd;
  gboolean has_gone;
  guint n_closes;
} FakeDevice;

FakeDevice *fake_new (void);
void fake_set_memory (FakeDevice * fake, guint bar, gsize size);
void fake_set_io (FakeDevice * fake, guint bar, gsize size);
void fake_add_interrupt (FakeDevice * fake);
void fake_raise (FakeDevice * fake, guint times);
void fake_unplug (FakeDevice * fake);
void fake_plug (FakeDevice * fake);
void fake_write (FakeDevice * fake, guint bar, gsize offset,
    gconstpointer data, gsize size);

/* With -Wl,--wrap=mmap,--wrap=mmap64: an mmap() that fails for as long as
 * mmap_errnum is not 0.  Which of the two is called depends on how large an
 * off_t is. */
/* *INDENT-OFF* */
#define FAILING_MMAP_(mmap) \
void *__real_##mmap (void *, size_t, int, int, int, off_t); \
void *__wrap_##mmap (void *, size_t, int, int, int, off_t); \
\
void * \
__wrap_##mmap (void *address, size_t length, int prot, int flags, int fd, \
    off_t offset) \
{ \
  errno = mmap_errnum; \
  return mmap_errnum ? MAP_FAILED : \
      __real_##mmap (address, length, prot, flags, fd, offset); \
}
#define DEFINE_FAILING_MMAP \
static int mmap_errnum; \
FAILING_MMAP_ (mmap) \
FAILING_MMAP_ (mmap64)
/* *INDENT-ON* */

G_END_DECLS
