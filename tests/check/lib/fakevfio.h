/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* vfio with one device on a bus that does not exist: the nodes and links by which it
 * is found, and answers to ioctl() */

#include "bus.h"

#include <linux/vfio.h>

G_BEGIN_DECLS

#define IOMMU_GROUPS "/sys/kernel/iommu_groups"

/* How the kernel numbers regions in the device's descriptor
 * (VFIO_PCI_OFFSET_SHIFT) */
#define FAKEVFIO_REGION_SHIFT 40

/* Where the configuration is in the device's descriptor, and in it the command
 * register's lower byte */
#define FAKEVFIO_CONFIG ((gint64) 7 << FAKEVFIO_REGION_SHIFT)
#define FAKEVFIO_COMMAND (FAKEVFIO_CONFIG + 4)

/* Of the memory that all regions are in, as the process's descriptors and maps show
 * it */
#define FAKEVFIO_MEMORY "mmiocheck-vfio"

/* What vfio answers, once @is_on */
typedef struct
{
  gboolean is_on;
  /* The request that fails, and why */
  gulong fail;
  int errnum;
  gboolean has_no_type1;
  gboolean is_not_viable;
  gboolean is_not_mappable;
  /* What it has in its regions, and the descriptor that it gave for it */
  int memory;
  int device;
  /* What it was asked to export */
  guint32 feature[10];
  /* How many interrupts of each kind it has, and what it does with them: the
   * descriptor that they go to, which is its user's, and who may come */
  guint n_irqs[VFIO_PCI_NUM_IRQS];
  guint32 irq_index;
  int irq_fd;
  guint n_unmasked;
  gboolean has_no_config;
  /* And where it asks for the device */
  int request_fd;
  guint n_request_fds;
} FakeVfio;

extern FakeVfio fakevfio;

/* The second BAR is smaller than a page */
extern const Device fakevfio_card;

/* Makes a bus with the device, and a /dev without nodes */
void fakevfio_make_system (void);

/* Makes a bus with the device, which vfio can open as group 7 */
void fakevfio_make (void);

void fakevfio_set_group (const Device * device, const char *group);

/* Returns: whether @fd is an eventfd, as which vfio's descriptors end when the device
 * is let go */
gboolean fakevfio_is_eventfd (int fd);

/* Returns: whether vfio answers; then @ret is what ioctl() returns, with errno set */
gboolean fakevfio_ioctl (int fd, gulong request, gpointer argument, int *ret);

G_END_DECLS
