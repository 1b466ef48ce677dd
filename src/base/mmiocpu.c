/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU features that matter for loads from a BAR.
 */
#include "base/mmiocpu.h"

#if defined (__x86_64__) || defined (__i386__)
#include <cpuid.h>

/* CPUID leaf 1, ECX: a bit that every hypervisor sets and no physical CPU
 * (Intel SDM volume 2, CPUID; Linux: X86_FEATURE_HYPERVISOR) */
#define CPUID_HYPERVISOR (1u << 31)
#endif

/**
 * mmio_cpu_has_streaming_loads:
 *
 * Returns: whether the CPU has loads that fetch whole lines from write-combining
 *   memory: MOVNTDQA of SSE4.1, or LDNP
 */
gboolean
mmio_cpu_has_streaming_loads (void)
{
#if defined (__x86_64__) || defined (__i386__)
  return __builtin_cpu_supports ("sse4.1");
#elif defined (__aarch64__)
  return TRUE;
#else
  return FALSE;
#endif
}

/**
 * mmio_cpu_has_avx:
 *
 * Returns: whether there are loads of 32 bytes: the CPU has AVX, and the kernel
 *   saves its registers
 */
gboolean
mmio_cpu_has_avx (void)
{
#if defined (__x86_64__) || defined (__i386__)
  return __builtin_cpu_supports ("avx");
#else
  return FALSE;
#endif
}

/**
 * mmio_cpu_has_avx512:
 *
 * Returns: whether there are loads of 64 bytes: the CPU has AVX-512F, and the
 *   kernel saves its registers
 */
gboolean
mmio_cpu_has_avx512 (void)
{
#if defined (__x86_64__) || defined (__i386__)
  return __builtin_cpu_supports ("avx512f");
#else
  return FALSE;
#endif
}

/**
 * mmio_cpu_is_virtual:
 *
 * Detects a virtual machine, where a BAR may be emulated.  Each load from such a BAR
 * traps, and a wide one that the hypervisor does not support ends the machine.  A
 * guest cannot detect which BARs are emulated.
 *
 * Returns: whether this is known to be a virtual machine
 */
gboolean
mmio_cpu_is_virtual (void)
{
#if defined (__x86_64__) || defined (__i386__)
  unsigned int eax, ebx, ecx = 0, edx;

  return __get_cpuid (1, &eax, &ebx, &ecx, &edx) && (ecx & CPUID_HYPERVISOR);
#else
  return FALSE;
#endif
}
