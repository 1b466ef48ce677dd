/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <linux/ioctl.h>
#include <linux/types.h>

G_BEGIN_DECLS

/* What is spoken of the kernel's DRM interface.  Debian's linux-libc-dev has
 * no <drm/drm.h>, it leaves that to libdrm, of which nothing else is wanted.
 * tests/check/lib/import.c compares these with libdrm's where there is one. */

typedef struct {
  int major, minor, patchlevel;
  __kernel_size_t name_len;
  char *name;
  __kernel_size_t date_len;
  char *date;
  __kernel_size_t desc_len;
  char *desc;
} MmioDrmVersion;

typedef struct {
  __u32 handle;
  __u32 pad;
} MmioDrmGemClose;

typedef struct {
  __u32 handle;
  __u32 flags;
  __s32 fd;
} MmioDrmPrime;

typedef struct {
  __u64 capability;
  __u64 value;
} MmioDrmClientCap;

typedef struct {
  __u64 plane_id_ptr;
  __u32 count_planes;
} MmioDrmPlanes;

typedef struct {
  __u32 plane_id;
  __u32 crtc_id;
  __u32 fb_id;
  __u32 possible_crtcs;
  __u32 gamma_size;
  __u32 count_format_types;
  __u64 format_type_ptr;
} MmioDrmPlane;

#define MMIO_DRM_VERSION _IOWR ('d', 0x00, MmioDrmVersion)
#define MMIO_DRM_GEM_CLOSE _IOW ('d', 0x09, MmioDrmGemClose)
#define MMIO_DRM_SET_CLIENT_CAP _IOW ('d', 0x0d, MmioDrmClientCap)
#define MMIO_DRM_DROP_MASTER _IO ('d', 0x1f)
#define MMIO_DRM_PRIME_FD_TO_HANDLE _IOWR ('d', 0x2e, MmioDrmPrime)
#define MMIO_DRM_GET_PLANES _IOWR ('d', 0xb5, MmioDrmPlanes)
#define MMIO_DRM_GET_PLANE _IOWR ('d', 0xb6, MmioDrmPlane)

#define MMIO_DRM_CLIENT_CAP_UNIVERSAL_PLANES 2

/* Where the kernel shows its DRM devices, and where udev puts their nodes */
#define MMIO_DRM_SYSFS "/sys/class/drm"
#define MMIO_DRM_NODES "/dev/dri"

/**
 * MmioDrmDevice:
 * @card: (nullable): the node that has the displays, /dev/dri/card0
 * @render: (nullable): the node that everybody may use, /dev/dri/renderD128
 *
 * The nodes of a DRM device.  It has at least one.
 */
typedef struct {
  char *card;
  char *render;
} MmioDrmDevice;

GPtrArray *mmio_drm_list (void);

int mmio_drm_open (const char *node);
int mmio_drm_ioctl (int fd, gulong request, gpointer argument);
char *mmio_drm_get_driver (int fd);
int mmio_drm_scans_out (int fd, guint32 fourcc);

G_END_DECLS
