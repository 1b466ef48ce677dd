/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstmmiodeviceprovider.h"
#include "gstmmiovidsrc.h"

static gboolean
plugin_init (GstPlugin * plugin)
{
  return GST_ELEMENT_REGISTER (mmiovidsrc, plugin) &&
      GST_DEVICE_PROVIDER_REGISTER (mmiodeviceprovider, plugin);
}

/* *INDENT-OFF* */
GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, mmiovid,
    "Video capture from the memory of PCI devices", plugin_init, PACKAGE_VERSION,
    "LGPL", PACKAGE_NAME, PACKAGE_ORIGIN)
/* *INDENT-ON* */
