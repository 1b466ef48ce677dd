# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Kernels of the engine orc.  ORC loads arrays of a kernel's widest element in
# whole vector registers.  A source that is used twice would be loaded twice, so
# it is copied to a temporary variable first.

.init mmio_orc_init

.function mmio_orc_copy
.dest 8 d guint64
.source 8 s guint64

copyq d, s


# A lane of the accumulator counts down by one for each word that is equal
.function mmio_orc_compare_copy
.dest 4 d guint32
.source 4 s guint32
.source 4 p guint32
.accumulator 4 equal gint32
.temp 4 t
.temp 4 c

loadl t, s
storel d, t
cmpeql c, t, p
accl equal, c
