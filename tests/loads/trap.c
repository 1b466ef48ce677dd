/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records each load of this process from a range of memory, for loads that
 * valgrind does not know: 64-byte ones.
 *
 * The range is mapped without access, so each load faults. The handler decodes
 * the instruction, makes the page readable, and lets the CPU execute this one
 * instruction (trap flag); after it, the page is without access again.
 */
#include "trap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined (__x86_64__)

#define PAGE 4096
#define MAX_LOADS (1 << 20)
/* EFLAGS.TF (Intel SDM volume 1, 3.4.3.3) */
#define TRAP_FLAG 0x100

typedef struct
{
  gulong address;
  guint size;
} Load;

static struct
{
  gulong start, end;
  gulong open[2];               /* pages that the instruction may read */
  guint n_open;
  guint n_loads;
  Load loads[MAX_LOADS];
} trap;

static void
die (const char *why)
{
  if (write (2, why, strlen (why)) < 0)
    _exit (4);
  _exit (3);
}

/* Bytes that an instruction loads; 0: an instruction that no engine has. EVEX
 * and REX as in the Intel SDM volume 2, 2.7.1 and 2.2.1. */
static guint
get_load_bytes (const guint8 * code)
{
  gboolean is_word = FALSE, is_wide = FALSE;

  if (code[0] == 0x62) {
    const guint map = code[1] & 7, prefix = code[2] & 3;

    /* VMOVDQA32, VMOVDQA64 */
    return map == 1 && prefix == 1 && code[4] == 0x6f ?
        16u << ((code[3] >> 5) & 3) : 0;
  }
  if (*code == 0x66) {
    is_word = TRUE;
    code++;
  }
  if ((*code & 0xf0) == 0x40) {
    is_wide = (*code & 8) != 0;
    code++;
  }
  if (*code == 0x8b)            /* MOV */
    return is_wide ? 8 : is_word ? 2 : 4;
  if (*code == 0x8a)
    return 1;
  if (code[0] == 0x0f && code[1] == 0xb6)       /* MOVZX */
    return 1;
  if (code[0] == 0x0f && code[1] == 0xb7)
    return 2;
  return 0;
}

static void
on_fault (int number, siginfo_t * info, void *context)
{
  greg_t *registers = ((ucontext_t *) context)->uc_mcontext.gregs;
  const gulong address = (gulong) info->si_addr;
  const gulong page = address & ~(gulong) (PAGE - 1);

  if (address < trap.start || address >= trap.end)
    die ("a fault outside of the memory\n");
  /* The second page of a load across pages */
  if (trap.n_open == 0) {
    const guint size = get_load_bytes ((const guint8 *) registers[REG_RIP]);

    if (size == 0)
      die ("an unknown instruction loads from the memory\n");
    if (trap.n_loads == MAX_LOADS)
      die ("too many loads\n");
    trap.loads[trap.n_loads++] = (Load) {
    address, size};
  }
  if (trap.n_open == G_N_ELEMENTS (trap.open) ||
      mprotect ((void *) page, PAGE, PROT_READ) < 0)
    die ("the page cannot be made readable\n");
  trap.open[trap.n_open++] = page;
  registers[REG_EFL] |= TRAP_FLAG;
}

static void
on_step (int number, siginfo_t * info, void *context)
{
  greg_t *registers = ((ucontext_t *) context)->uc_mcontext.gregs;

  for (; trap.n_open > 0; trap.n_open--) {
    if (mprotect ((void *) trap.open[trap.n_open - 1], PAGE, PROT_NONE) < 0)
      die ("the page cannot be made unreadable\n");
  }
  registers[REG_EFL] &= ~TRAP_FLAG;
}

/**
 * trap_start:
 * @memory: a map with whole pages; nothing but loads access it from now on
 * @size: its size in bytes
 *
 * Records all loads from @memory.
 *
 * Returns: FALSE with errno set if that cannot be
 */
gboolean
trap_start (const guint8 * memory, gsize size)
{
  struct sigaction fault = {.sa_sigaction = on_fault,.sa_flags = SA_SIGINFO };
  struct sigaction step = {.sa_sigaction = on_step,.sa_flags = SA_SIGINFO };

  trap.start = (gulong) memory;
  trap.end = trap.start + size;

  return sigaction (SIGSEGV, &fault, NULL) == 0 &&
      sigaction (SIGTRAP, &step, NULL) == 0 &&
      mprotect ((void *) memory, size, PROT_NONE) == 0;
}

/**
 * trap_stop:
 * @path: a file to write
 *
 * Ends the recording and writes a line with address and size of each load.
 *
 * Returns: FALSE with errno set if the file cannot be written
 */
gboolean
trap_stop (const char *path)
{
  FILE *file = fopen (path, "w");

  if (!file || mprotect ((void *) trap.start, trap.end - trap.start,
          PROT_READ) < 0)
    return FALSE;
  for (guint i = 0; i < trap.n_loads; i++)
    fprintf (file, "%lx,%u\n", trap.loads[i].address, trap.loads[i].size);
  return fclose (file) == 0;
}

#else

gboolean
trap_start (const guint8 * memory, gsize size)
{
  errno = ENOSYS;
  return FALSE;
}

gboolean
trap_stop (const char *path)
{
  errno = ENOSYS;
  return FALSE;
}

#endif
