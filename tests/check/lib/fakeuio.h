/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* UIO with one node, which is a file of pages, and a kernel that counts interrupts as
 * it is told */

#include "bus.h"

G_BEGIN_DECLS

#define FAKEUIO_CLASS "/sys/class/uio"
#define FAKEUIO_NODE "/dev/uio0"

/* What UIO does with its node */
typedef struct
{
  gboolean has_no_interrupt;
  /* Interrupts so far, and how many whoever opens the node next has seen */
  gint32 count;
  gint32 seen;
  /* Why it cannot let them come, and how often it was told to */
  int control_errnum;
  guint n_controls;
  guint n_silenced;
} FakeUio;

extern FakeUio fakeuio;

void fakeuio_put_attribute (const char *name, const char *text);
void fakeuio_put_map (guint number, const char *name, guint64 address,
    guint offset, guint64 size);

/* Makes the node.  Returns: (transfer full): what is in it */
guint8 *fakeuio_make_node (void);

/* Makes a device on no bus, with four maps.  Returns: (transfer full): what is in its
 * node */
guint8 *fakeuio_make_plain (void);

/* Binds a device of the bus to a UIO driver, which has no maps yet */
void fakeuio_bind_device (const Device * device, const char *driver);

/* Returns: whether the name of the file ends with @suffix */
gboolean fakeuio_is_file (int fd, const char *suffix);

/* Returns: whether UIO answers; then @ret is what the call returns, with errno set */
gboolean fakeuio_read (int fd, gpointer data, gsize size, gssize * ret);
gboolean fakeuio_write (int fd, gconstpointer data, gsize size, gssize * ret);

G_END_DECLS
