# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Shuffles of 32-bit pixels.

# 32-bit pixels, by the bytes in memory: 0123 to 3210
.function mmio_orc_swap_all
.dest 4 d guint32
.source 4 s guint32

swapl d, s


# 0123 to 3012 on a little-endian CPU: the last byte comes first
.function mmio_orc_rotate_up
.dest 4 d guint32
.source 4 s guint32
.temp 4 t
.temp 4 high
.temp 4 low

loadl t, s
shll high, t, 8
shrul low, t, 24
orl d, high, low


# 0123 to 1230: the first byte comes last
.function mmio_orc_rotate_down
.dest 4 d guint32
.source 4 s guint32
.temp 4 t
.temp 4 high
.temp 4 low

loadl t, s
shll high, t, 24
shrul low, t, 8
orl d, high, low


# 0123 to 2103
.function mmio_orc_swap_even
.dest 4 d guint32
.source 4 s guint32
.temp 4 t
.temp 4 high
.temp 4 low

swapl t, s
shll high, t, 24
shrul low, t, 8
orl d, high, low


# 0123 to 0321
.function mmio_orc_swap_odd
.dest 4 d guint32
.source 4 s guint32
.temp 4 t
.temp 4 high
.temp 4 low

swapl t, s
shll high, t, 8
shrul low, t, 24
orl d, high, low
