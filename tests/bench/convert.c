/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A frame of RGB that somebody wants as BGRx: in one pass, and as a copy that
 * is converted afterwards, by what videoconvert uses.
 */
#include <gst/video/video.h>

#include "bench.h"

#include <string.h>

static void
run_memcpy (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  memcpy (dest, source, bench->size);
}

static void
run_fused (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  const MmioTarget target = {
    .format = *mmio_format_find ("BGRx"),
    .plane = {dest},
    .stride = {bench->picture->width * 4},
  };

  mmio_frame_copy (bench_get_reader (c), bench->picture, source, &target);
}

static void
wrap (GstVideoFrame * frame, const GstVideoInfo * info, guint8 * data)
{
  *frame = (GstVideoFrame) {
  .info = *info};
  frame->data[0] = data;
}

static void
convert (Bench * bench, const guint8 * rgb, guint8 * bgrx)
{
  static GstVideoConverter *converter = NULL;
  static GstVideoInfo from, to;
  GstVideoFrame source, dest;

  if (!converter) {
    const guint width = bench->picture->width;
    const guint height = bench->picture->height;

    gst_video_info_set_format (&from, GST_VIDEO_FORMAT_RGB, width, height);
    gst_video_info_set_format (&to, GST_VIDEO_FORMAT_BGRx, width, height);
    converter = gst_video_converter_new (&from, &to,
        gst_structure_new ("options", GST_VIDEO_CONVERTER_OPT_THREADS,
            G_TYPE_UINT, 1, NULL));
  }

  wrap (&source, &from, (guint8 *) rgb);
  wrap (&dest, &to, bgrx);
  gst_video_converter_frame (converter, &source, &dest);
}

static void
run_copy_convert (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  static guint8 *copy = NULL;

  if (!copy)
    copy = g_malloc (bench->size);

  memcpy (copy, source, bench->size);
  convert (bench, copy, dest);
}

static void
run_convert (Bench * bench, const BenchCase * c, const guint8 * source,
    guint8 * dest)
{
  convert (bench, source, dest);
}

static const BenchCase cases[] = {
  {"RGB to BGRx", "memcpy", run_memcpy,.phase = 0},
  {"RGB to BGRx", "fused", run_fused,.phase = 0},
  {"RGB to BGRx", "fused, unaligned", run_fused,.phase = 16},
  {"RGB to BGRx", "copy, then converter", run_copy_convert,.phase = 0},
  {"RGB to BGRx", "converter on the map", run_convert,.phase = 0},
};

int
main (int argc, char **argv)
{
  gst_init (NULL, NULL);
  return bench_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
