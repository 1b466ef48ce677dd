/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which devices of a bus that does not exist may have a picture, and that
 * nobody touches them to find out.
 */
#include "fixtures/bus.h"
#include "describe/mmiodevicetable.h"
#include "pci/mmioenumerate.h"

#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib/gstdio.h>

/* BAR 2, in which the known devices describe their frame */
#define PAGE_BAR {{ 0 }, { 0 }, { 0xfd000000, 4096, MEMORY }}

static void
put_class (const Device * device, guint class_code)
{
  g_autofree char *text = g_strdup_printf ("0x%06x\n", class_code);

  put_device (device);
  put (device->slot, "class", text, -1);
}

/* What is listed, an address each, with blanks between */
static char *
list (void)
{
  g_autoptr (GPtrArray) candidates = mmio_pci_enumerate (mmio_device_table_has);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < candidates->len; i++) {
    const MmioPciEntry *candidate = g_ptr_array_index (candidates, i);

    g_string_append_printf (text, "%s%s", i > 0 ? " " : "", candidate->address);
  }
  return g_string_free (text, FALSE);
}

static void
check_list (const char *wanted)
{
  g_autofree char *text = list ();

  fail_unless_equals_string (text, wanted);
}

static const struct
{
  guint vendor, device, class_code;
  gboolean listed;
} classes[] = {
  /* QEMU's std VGA, and bochs-display */
  {0x1234, 0x1111, 0x030000, TRUE},
  {0x1234, 0x1111, 0x038000, TRUE},
  /* Memory of virtual machines */
  {0x1af4, 0x1110, 0x050000, TRUE},
  {0x1af4, 0x1110, 0xff0000, TRUE},
  /* Graphics cards, and cards for video, sound and telephones */
  {0x8086, 0x46a6, 0x030000, FALSE},
  {0x10de, 0x2484, 0x030200, FALSE},
  {0x1af4, 0x1050, 0x038000, FALSE},
  {0xdead, 0xbeef, 0x030100, FALSE},
  {0xdead, 0xbeef, 0x040000, FALSE},
  {0xdead, 0xbeef, 0x040100, FALSE},
  {0xdead, 0xbeef, 0x040200, FALSE},
  {0x8086, 0x2668, 0x040300, FALSE},
  {0x10ee, 0x7024, 0x048000, FALSE},
  /* Memory, a bridge, a network */
  {0xdead, 0xbeef, 0x058000, FALSE},
  {0xdead, 0xbeef, 0x060400, FALSE},
  {0x8086, 0x10d3, 0x020000, FALSE},
  /* Nearly */
  {0x1af4, 0x1000, 0x050000, FALSE},
  {0x1110, 0x1af4, 0x050000, FALSE},
  {0x1234, 0x1110, 0x030000, FALSE},
};

GST_START_TEST (test_class)
{
  const Device device = { "0000:03:00.0", classes[__i__].vendor,
    classes[__i__].device, PAGE_BAR
  };

  make_bus ();
  put_class (&device, classes[__i__].class_code);
  check_list (classes[__i__].listed ? "0000:03:00.0" : "");
}

GST_END_TEST;

#define UNSET 0x20000000

static const struct
{
  Bar bar[MMIO_MAX_BARS];
  gboolean listed;
} memories[] = {
  {{{0, 0, 0}}, FALSE},
  {{{0}, {0}, {0xfd000000, 4096, MEMORY}}, TRUE},
  {{{0}, {0}, {0xfd000000, 4095, MEMORY}}, FALSE},
  {{{0xfe000000, 1 << 24, MEMORY | PREFETCH}, {0},
          {0xfd000000, 4096, MEMORY}}, TRUE},
  {{{0}, {0}, {0xc000, 8192, IO}}, FALSE},
  {{{0}, {0}, {0x383800000000, 1 << 24, MEMORY | PREFETCH}}, TRUE},
  /* Without the BAR in which it describes its frame: std VGA with mmio=off */
  {{{0xfe000000, 1 << 24, MEMORY | PREFETCH}}, FALSE},
  {{{0}, {0}, {0}, {0}, {0}, {0xfd000000, 4096, MEMORY}}, FALSE},
  /* Sized, and not placed */
  {{{0}, {0}, {0, 4096, MEMORY}}, FALSE},
  {{{0}, {0}, {0xfd000000, 4096, MEMORY | UNSET}}, FALSE},
};

GST_START_TEST (test_memory)
{
  Device device = { "0000:03:00.0", 0x1234, 0x1111, {{0}} };

  make_bus ();
  memcpy (device.bar, memories[__i__].bar, sizeof (device.bar));
  put_device (&device);
  check_list (memories[__i__].listed ? "0000:03:00.0" : "");
}

GST_END_TEST;

static const Device card = { "0000:03:00.0", 0x1234, 0x1111, PAGE_BAR };

/* The files of the BARs come last: before, nobody could open it */
GST_START_TEST (test_no_file)
{
  g_autofree char *path = device_file (card.slot, "resource2");

  make_bus ();
  put_device (&card);
  check_list (card.slot);
  fail_unless (g_remove (path) == 0);
  check_list ("");
}

GST_END_TEST;

#define NO_BAR "0x0 0x0 0x0\n"

/* Neither what is half there, nor what is no device */
GST_START_TEST (test_broken)
{
  static const struct
  {
    const char *name;
    const char *text;           /* NULL: there is none */
  } cases[] = {
    {"vendor", NULL}, {"vendor", ""}, {"vendor", "dead\n"},
    {"vendor", "0x10000\n"}, {"vendor", "0x\n"}, {"device", NULL},
    {"device", "0xbeeg\n"}, {"class", NULL}, {"class", "0x1030000\n"},
    {"resource", NULL}, {"resource", ""}, {"resource", "\n\n\n"},
    {"resource", NO_BAR NO_BAR "0x0 0x\n"},
    {"resource", NO_BAR NO_BAR "0xfd000000\n"},
    /* It ends where it starts, or before */
    {"resource", NO_BAR NO_BAR "0xfd000000 0xfd000000 0x200\n"},
    {"resource", NO_BAR NO_BAR "0xfd000000 0x0 0x200\n"},
  };
  const char *name = cases[__i__].name;
  g_autofree char *path = device_file (card.slot, name);

  make_bus ();
  put_device (&card);
  if (cases[__i__].text)
    put (card.slot, name, cases[__i__].text, -1);
  else
    fail_unless (g_remove (path) == 0);
  check_list ("");
}

GST_END_TEST;

GST_START_TEST (test_order)
{
  static const char *const slots[] = { "0000:03:00.1", "0000:02:1f.0",
    "10000:00:01.0", "0001:00:00.0", "0000:03:00.0", "ffff:00:00.0",
  };

  make_bus ();
  check_list ("");
  for (guint i = 0; i < G_N_ELEMENTS (slots); i++) {
    const Device device = { slots[i], 0x1234, 0x1111, PAGE_BAR };

    put_device (&device);
  }
  check_list ("0000:02:1f.0 0000:03:00.0 0000:03:00.1 0001:00:00.0 "
      "ffff:00:00.0 10000:00:01.0");
}

GST_END_TEST;

GST_START_TEST (test_no_bus)
{
  fail_unless (enter_namespace ());
  check_list ("");
}

GST_END_TEST;

static MmioPciEntry *
get_only (void)
{
  g_autoptr (GPtrArray) candidates = mmio_pci_enumerate (mmio_device_table_has);

  fail_unless_equals_int (candidates->len, 1);
  g_ptr_array_set_free_func (candidates, NULL);
  return g_ptr_array_index (candidates, 0);
}

GST_START_TEST (test_description)
{
  static const Device ivshmem = { "0000:03:00.0", 0x1af4, 0x1110, PAGE_BAR };
  g_autoptr (MmioPciEntry) candidate = NULL;

  make_bus ();
  put_pci_names ("1af4  Red Hat, Inc.\n\t1110  Inter-VM shared memory\n");
  put_class (&ivshmem, 0x050000);
  candidate = get_only ();
  fail_unless_equals_string (candidate->address, "0000:03:00.0");
  fail_unless_equals_string (candidate->path, HOST_BRIDGE "/0000:03:00.0");
  fail_unless_equals_int (candidate->vendor, 0x1af4);
  fail_unless_equals_int (candidate->device, 0x1110);
  fail_unless_equals_int (candidate->class_code, 0x050000);
  fail_unless_equals_string (candidate->names.vendor, "Red Hat, Inc.");
  fail_unless_equals_string (candidate->names.device, "Inter-VM shared memory");
  fail_unless_equals_string (candidate->names.full,
      "Red Hat, Inc. Inter-VM shared memory [1af4:1110]");
}

GST_END_TEST;

/* Whatever is in its configuration */
GST_START_TEST (test_virtual)
{
  g_autoptr (MmioPciEntry) candidate = NULL;

  make_bus ();
  put_device (&card);
  put_physical (&card, "0000:02:00.0");
  candidate = get_only ();
  fail_unless_equals_string (candidate->address, card.slot);
  fail_unless_equals_int (candidate->vendor, card.vendor);
  fail_unless_equals_int (candidate->device, card.device);
}

GST_END_TEST;

GST_START_TEST (test_unknown_name)
{
  g_autoptr (MmioPciEntry) candidate = NULL;

  make_bus ();
  put_device (&card);
  candidate = get_only ();
  fail_unless_equals_string (candidate->names.full, "PCI device [1234:1111]");
  fail_unless (candidate->names.vendor == NULL);
  fail_unless (candidate->names.device == NULL);
}

GST_END_TEST;

/* The files of the device that are opened, in any order, with blanks between */
static char *
list_opened (int fd)
{
  char buffer[4096] __attribute__((aligned (__alignof__ (struct
                  inotify_event))));
  const gssize size = read (fd, buffer, sizeof (buffer));
  GString *text = g_string_new (NULL);

  for (gssize i = 0; i < size;) {
    const struct inotify_event *event = (struct inotify_event *) (buffer + i);

    g_string_append_printf (text, "%s ", event->name);
    i += sizeof (*event) + event->len;
  }
  return g_string_free (text, FALSE);
}

/* No BAR, and no configuration: that would wake it */
GST_START_TEST (test_opens_nothing)
{
  g_autofree char *dir = device_file (card.slot, NULL);
  g_autofree char *opened = NULL;
  int fd = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);

  make_bus ();
  put_device (&card);
  fail_unless (fd >= 0 && inotify_add_watch (fd, dir, IN_OPEN) >= 0);
  check_list (card.slot);
  opened = list_opened (fd);
  fail_unless_equals_string (opened, "vendor device class resource ");
  close (fd);
}

GST_END_TEST;

/* A realpath() of something that has just gone */
static gboolean has_gone;

char *__real_realpath (const char *, char *);
char *__wrap_realpath (const char *, char *);

char *
__wrap_realpath (const char *path, char *resolved)
{
  return has_gone ? NULL : __real_realpath (path, resolved);
}

/* What goes while it is looked at is not there, rather than another one */
GST_START_TEST (test_goes_meanwhile)
{
  const Device device = { "0000:03:00.0", 0x1af4, 0x1110, PAGE_BAR };

  make_bus ();
  put_class (&device, 0x050000);
  check_list (device.slot);
  has_gone = TRUE;
  check_list ("");
}

GST_END_TEST;

/* What cannot be asked is no answer */
GST_START_TEST (test_no_descriptors)
{
  static const Device memory = { "0000:03:00.0", 0x1af4, 0x1110, PAGE_BAR };
  struct rlimit before, none;

  make_bus ();
  put_class (&memory, 0x038000);
  fail_unless (getrlimit (RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 0;
  fail_unless (setrlimit (RLIMIT_NOFILE, &none) == 0);
  fail_unless (mmio_pci_enumerate (mmio_device_table_has) == NULL);
  fail_unless (setrlimit (RLIMIT_NOFILE, &before) == 0);
  check_list ("0000:03:00.0");
}

GST_END_TEST;

static Suite *
enumerate_suite (void)
{
  Suite *s = suite_create ("lib-enumerate");
  TCase *tc = add_case (s, "list");

  tcase_add_loop_test (tc, test_class, 0, G_N_ELEMENTS (classes));
  tcase_add_loop_test (tc, test_memory, 0, G_N_ELEMENTS (memories));
  tcase_add_test (tc, test_no_file);
  tcase_add_loop_test (tc, test_broken, 0, 16);
  tcase_add_test (tc, test_order);
  tcase_add_test (tc, test_no_bus);
  tcase_add_test (tc, test_description);
  tcase_add_test (tc, test_virtual);
  tcase_add_test (tc, test_unknown_name);
  tcase_add_test (tc, test_opens_nothing);
  tcase_add_test (tc, test_goes_meanwhile);
  tcase_add_test (tc, test_no_descriptors);

  return s;
}

int
main (int argc, char **argv)
{
  return run_on_bus (argc, argv, enumerate_suite, "candidate", __FILE__);
}
