/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Caps: the formats in which a frame can be sent.
 *
 * Dma-bufs have the caps feature memory:DMABuf. From GStreamer 1.24 on, their caps
 * name the pixel format as DRM does. Earlier versions use GStreamer's format names.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiocaps.h"

#include <gst/allocators/gstdmabuf.h>
#include <string.h>

#include "gstmmioformat.h"
#include "load/mmioframecopy.h"

/* 0/1 is a variable rate, for frames that the device starts */
#define FRAMERATES "(fraction) [ 1/2147483647, " \
    G_STRINGIFY (GST_MMIO_CAPS_MAX_RATE) "/1 ]"
#define ANY_FRAMERATES "(fraction) [ 0/1, " \
    G_STRINGIFY (GST_MMIO_CAPS_MAX_RATE) "/1 ]"

#define SIZES "(int) [ 1, " G_STRINGIFY (MMIO_LAYOUT_MAX_SIDE) " ]"

#define ALWAYS "pixel-aspect-ratio = 1/1, interlace-mode = progressive"

/* DRM_FORMAT_MOD_LINEAR of drm_fourcc.h: rows of pixels, as in a BAR */
#define LINEAR G_GUINT64_CONSTANT (0)

static void
set_dma_buf (GstCaps * caps)
{
  gst_caps_set_features_simple (caps,
      gst_caps_features_new (GST_CAPS_FEATURE_MEMORY_DMABUF, NULL));
}

static gboolean
is_dma_buf (const GstCaps * caps, guint index)
{
  const GstCapsFeatures *features = gst_caps_get_features (caps, index);

  return features && !gst_caps_features_is_any (features) &&
      gst_caps_features_contains (features, GST_CAPS_FEATURE_MEMORY_DMABUF);
}

static void
set_every_format (GstCaps * caps)
{
  GValue list = G_VALUE_INIT, name = G_VALUE_INIT;
  const GstVideoFormat *formats;
  guint n;

  g_value_init (&list, GST_TYPE_LIST);
  g_value_init (&name, G_TYPE_STRING);
  formats = gst_video_formats_raw (&n);
  for (guint i = 0; i < n; i++) {
    MmioFormat format;

    if (gst_mmio_format_from_video (&format, formats[i])) {
      g_value_set_string (&name, format.name);
      gst_value_list_append_value (&list, &name);
    }
  }
  g_value_unset (&name);
  gst_caps_set_value (caps, "format", &list);
  g_value_unset (&list);
}

/**
 * gst_mmio_caps_get_template:
 *
 * Lists all caps that the element can send: each size, format and I/O mode.
 *
 * Returns: (transfer full): the caps of the pad template
 */
GstCaps *
gst_mmio_caps_get_template (void)
{
  GstCaps *caps = gst_caps_from_string ("video/x-raw, width = " SIZES
      ", height = " SIZES ", framerate = " ANY_FRAMERATES ", " ALWAYS);
  GstCaps *dma_buf = gst_caps_copy (caps);

  set_every_format (caps);

#if GST_CHECK_VERSION (1, 24, 0)
  gst_caps_set_simple (dma_buf, "format", G_TYPE_STRING, "DMA_DRM", NULL);
#else
  set_every_format (dma_buf);
#endif
  set_dma_buf (dma_buf);

  return gst_caps_merge (dma_buf, caps);
}

static void
append_format (GstCaps * caps, const MmioLayout * layout, const char *name)
{
  GstStructure *s = gst_structure_from_string ("video/x-raw, "
      "framerate = " FRAMERATES ", " ALWAYS, NULL);

  gst_structure_set (s, "format", G_TYPE_STRING, name,
      "width", G_TYPE_INT, (gint) layout->width,
      "height", G_TYPE_INT, (gint) layout->height, NULL);
  gst_caps_append_structure (caps, s);
}

/**
 * gst_mmio_caps_from_layout:
 * @layout: the layout of a frame
 * @own_only: whether to leave out conversions
 *
 * Lists the formats that a frame can be copied to: its own, and 32-bit RGB formats
 * that the copy converts to.
 *
 * Returns: (transfer full): the caps, best first
 */
GstCaps *
gst_mmio_caps_from_layout (const MmioLayout * layout, gboolean own_only)
{
  static const GstVideoFormat expanded[] = {
    GST_VIDEO_FORMAT_BGRx, GST_VIDEO_FORMAT_RGBx,
    GST_VIDEO_FORMAT_xRGB, GST_VIDEO_FORMAT_xBGR
  };
  GstCaps *caps = gst_caps_new_empty ();

  append_format (caps, layout, layout->format.name);
  for (gsize i = 0; !own_only && i < G_N_ELEMENTS (expanded); i++) {
    MmioFormat format;

    if (gst_mmio_format_from_video (&format, expanded[i]) &&
        !mmio_format_equal (&format, &layout->format) &&
        mmio_frame_copy_can_convert (layout, &format))
      append_format (caps, layout, format.name);
  }

  return caps;
}

/**
 * gst_mmio_caps_get_dma_buf:
 * @layout: the layout of a frame
 *
 * Describes a frame in a dma-buf.
 *
 * Returns: (transfer full): the caps, or empty caps if DRM has no code for the
 *   format
 */
GstCaps *
gst_mmio_caps_get_dma_buf (const MmioLayout * layout)
{
  GstCaps *caps = gst_caps_new_empty ();
#if GST_CHECK_VERSION (1, 24, 0)
  const guint32 fourcc = gst_video_dma_drm_fourcc_from_format
      (gst_video_format_from_string (layout->format.name));
  g_autofree char *name = NULL;

  /* DRM_FORMAT_INVALID */
  if (fourcc == 0)
    return caps;

  name = gst_video_dma_drm_fourcc_to_string (fourcc, LINEAR);
  append_format (caps, layout, "DMA_DRM");
  gst_caps_set_simple (caps, "drm-format", G_TYPE_STRING, name, NULL);
#else
  append_format (caps, layout, layout->format.name);
#endif
  set_dma_buf (caps);

  return caps;
}

/**
 * gst_mmio_caps_name_dma_buf:
 * @caps: the caps that downstream accepts
 *
 * Checks whether downstream names dma-bufs. ANY caps do not count: such an element
 * may read each byte with the CPU.
 *
 * Returns: whether @caps have the feature memory:DMABuf
 */
gboolean
gst_mmio_caps_name_dma_buf (GstCaps * caps)
{
  for (guint i = 0; !gst_caps_is_any (caps) && i < gst_caps_get_size (caps);
      i++) {
    if (is_dma_buf (caps, i))
      return TRUE;
  }

  return FALSE;
}

/**
 * gst_mmio_caps_prefer_dma_buf:
 * @caps: (transfer full): caps that are not empty
 *
 * Selects the first structure of @caps that is a dma-buf, or the first structure if
 * @caps have no dma-buf.
 *
 * Returns: (transfer full): caps with this structure
 */
GstCaps *
gst_mmio_caps_prefer_dma_buf (GstCaps * caps)
{
  GstCaps *one;
  guint i = 0;

  while (i < gst_caps_get_size (caps) && !is_dma_buf (caps, i))
    i++;

  one = gst_caps_copy_nth (caps, i < gst_caps_get_size (caps) ? i : 0);
  gst_caps_unref (caps);

  return one;
}

#if GST_CHECK_VERSION (1, 24, 0)
/* Converts a DRM format code to the format in rows of pixels. From 1.26 on,
 * tiled formats have the same codes: of NV15, the tiled format comes first. */
static GstVideoFormat
from_fourcc (guint32 fourcc)
{
#if GST_CHECK_VERSION (1, 26, 0)
  return gst_video_dma_drm_format_to_gst_format (fourcc, LINEAR);
#else
  return gst_video_dma_drm_fourcc_to_format (fourcc);
#endif
}

/* Converts the caps of a dma-buf to plain video/x-raw caps. Returns: (nullable):
 * NULL if GStreamer has no linear format for them */
static GstCaps *
from_drm (const GstCaps * caps)
{
  GstCaps *result = gst_caps_copy (caps);
  GstStructure *s = gst_caps_get_structure (result, 0);
  const char *name = gst_structure_get_string (s, "drm-format");
  guint64 modifier = LINEAR;
  const guint32 fourcc = name ?
      gst_video_dma_drm_fourcc_from_string (name, &modifier) : 0;
  const GstVideoFormat format = fourcc != 0 && modifier == LINEAR ?
      from_fourcc (fourcc) : GST_VIDEO_FORMAT_UNKNOWN;

  if (format == GST_VIDEO_FORMAT_UNKNOWN) {
    gst_caps_unref (result);
    return NULL;
  }

  gst_structure_remove_field (s, "drm-format");
  gst_structure_set (s, "format", G_TYPE_STRING,
      gst_video_format_to_string (format), NULL);
  gst_caps_set_features (result, 0, NULL);

  return result;
}
#endif

/**
 * gst_mmio_caps_parse:
 * @caps: fixed caps
 * @info: (out): their video info
 * @has_dma_buf: (out): whether they describe a dma-buf
 *
 * Parses negotiated caps.
 *
 * Returns: FALSE if @caps are not raw video
 */
gboolean
gst_mmio_caps_parse (const GstCaps * caps, GstVideoInfo * info,
    gboolean * has_dma_buf)
{
  *has_dma_buf = is_dma_buf (caps, 0);

#if GST_CHECK_VERSION (1, 24, 0)
  if (*has_dma_buf) {
    GstCaps *plain = from_drm (caps);
    gboolean ret = plain && gst_video_info_from_caps (info, plain);

    gst_clear_caps (&plain);
    return ret;
  }
#endif

  return gst_video_info_from_caps (info, caps);
}

static GstCaps *
without_rate (const GstCaps * caps)
{
  GstCaps *result = gst_caps_copy (caps);

  for (guint i = 0; i < gst_caps_get_size (result); i++)
    gst_structure_remove_field (gst_caps_get_structure (result, i),
        "framerate");

  return result;
}

/**
 * gst_mmio_caps_equal_but_rate:
 * @a: caps
 * @b: caps
 *
 * Compares caps without the frame rate.
 *
 * Returns: whether they are equal
 */
gboolean
gst_mmio_caps_equal_but_rate (const GstCaps * a, const GstCaps * b)
{
  g_autoptr (GstCaps) one = without_rate (a);
  g_autoptr (GstCaps) other = without_rate (b);

  return gst_caps_is_equal (one, other);
}

/* Returns: whether @caps intersect with @wanted if only the field @field of
 * @caps is compared; NULL compares no field */
static gboolean
agree_in (const GstCaps * caps, const GstCaps * wanted, const char *field)
{
  g_autoptr (GstCaps) rest = gst_caps_new_empty ();

  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    const GstStructure *full = gst_caps_get_structure (caps, i);
    const GValue *value = field ? gst_structure_get_value (full, field) : NULL;
    GstStructure *structure =
        gst_structure_new_empty (gst_structure_get_name (full));

    if (value)
      gst_structure_set_value (structure, field, value);
    gst_caps_append_structure_full (rest, structure,
        gst_caps_features_copy (gst_caps_get_features (caps, i)));
  }

  return gst_caps_can_intersect (rest, wanted);
}

/**
 * gst_mmio_caps_get_difference:
 * @caps: the caps that can be sent
 * @wanted: the caps that downstream accepts, which do not intersect with @caps
 *
 * Lists the fields among width, height and format that differ.
 *
 * Returns: (nullable) (transfer full): the names of the fields, such as "width,
 *   height"; NULL if none of these fields alone makes the difference
 */
char *
gst_mmio_caps_get_difference (const GstCaps * caps, const GstCaps * wanted)
{
  static const char *const fields[] = { "width", "height", "format" };
  g_autoptr (GString) text = g_string_new (NULL);

  if (!agree_in (caps, wanted, NULL))
    return NULL;

  for (guint i = 0; i < G_N_ELEMENTS (fields); i++) {
    if (!agree_in (caps, wanted, fields[i]))
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "",
          fields[i]);
  }

  return text->len > 0 ? g_strdup (text->str) : NULL;
}

/**
 * gst_mmio_caps_differ_in_time:
 * @caps: the caps that can be sent
 * @wanted: the caps that downstream accepts, which do not intersect with @caps
 * @what: (out): what downstream does not accept: "progressive frames", "square
 *   pixels", "frames at a constant rate", or all of it
 * @remedy: (out): the elements that convert it
 *
 * Checks whether downstream accepts size and format, and rejects only the frame
 * rate, pixel aspect ratio or interlace mode.
 *
 * Returns: whether that is so
 */
gboolean
gst_mmio_caps_differ_in_time (GstCaps * caps, GstCaps * wanted,
    const char **what, const char **remedy)
{
  static const struct
  {
    const char *field, *what, *remedy;
  } fields[] = {
    {"framerate", "frames at a constant rate", "videorate"},
    {"pixel-aspect-ratio", "square pixels", "videoscale"},
    {"interlace-mode", "progressive frames", "interlace"},
  };
  g_autoptr (GstCaps) untimed = gst_caps_copy (caps);

  for (guint i = 0; i < gst_caps_get_size (untimed); i++)
    gst_structure_remove_fields (gst_caps_get_structure (untimed, i),
        "framerate", "pixel-aspect-ratio", "interlace-mode", NULL);

  *what = "progressive frames with square pixels at a constant rate";
  *remedy = "videorate and videoscale";
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++) {
    if (!agree_in (caps, wanted, fields[i].field)) {
      *what = fields[i].what;
      *remedy = fields[i].remedy;
      break;
    }
  }

  return gst_caps_can_intersect (untimed, wanted);
}
