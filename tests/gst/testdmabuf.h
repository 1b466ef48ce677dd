/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of dma-bufs share: a memfd that the element is to send without
 * a copy, in a kernel where that goes wrong as it is told to.  Link
 * fakekernel.c. */

#include "fixtures/fakekernel.h"
#include "source.h"
#include "testmemfd.h"
#include "testpool.h"

G_BEGIN_DECLS

#define DMABUF "video/x-raw(memory:DMABuf)"

/* What this GStreamer calls dma-bufs of these pixels */
#if GST_CHECK_VERSION (1, 24, 0)
#define DMABUF_RGB DMABUF ",format=DMA_DRM,drm-format=BG24"
#define DMABUF_BGRX DMABUF ",format=DMA_DRM,drm-format=XR24"
#else
#define DMABUF_RGB DMABUF ",format=RGB"
#define DMABUF_BGRX DMABUF ",format=BGRx"
#endif

/* The picture: RGB, in the middle of a page, with a stride, so that only a
 * video meta tells how it lies */
#define WIDTH 13
#define HEIGHT 6
#define STRIDE 41
#define SKIP 3

extern TestMemfd bar;

/* A picture at another place of the bar, with its stride in bytes */
typedef struct
{
  gsize offset;
  guint width, height, stride;
} Layout;

extern Layout odd;              /* the picture */
extern Layout even;             /* one that needs no video meta */

void dmabuf_setup (void);
void dmabuf_teardown (void);

guint dmabuf_add_importer (void);
GstHarness *dmabuf_new_source (const char *io_mode, const Layout * layout);
GstHarness *dmabuf_play (void);

void dmabuf_check_picture (GstBuffer * buffer, const Layout * layout);
gboolean dmabuf_is (GstBuffer * buffer);
gboolean dmabuf_in_caps (GstHarness * h);

void dmabuf_check_way (GstHarness * h, const char *mode, ...)
    G_GNUC_NULL_TERMINATED;
guint dmabuf_count_ways (GstHarness * h);
void dmabuf_check_quiet (GstHarness * h);

guint dmabuf_count_fds (void);

G_END_DECLS
