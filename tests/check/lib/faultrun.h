/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs a scenario once to count its system calls, and then once for each of them and
 * each error with which that can fail.  A fault may become an error that blames it, or
 * nothing at all. */

#include "faultkernel.h"
#include "helper.h"

G_BEGIN_DECLS

/**
 * FaultScenario:
 * @name: its name
 * @map: a part of the name of what it maps
 * @prepare: (nullable): makes what run() needs, without a fault
 * @run: what has to bear a fault.  Returns FALSE with @error set, or TRUE
 * @finish: (nullable): frees what is left, without a fault
 */
typedef struct
{
  const char *name;
  const char *map;
  void (*prepare) (void);
  gboolean (*run) (GError ** error);
  void (*finish) (void);
} FaultScenario;

/* Fails if anything is wrong with it, or it leaks */
void faultrun_run (const FaultScenario * scenario);

/* Returns: how often the scenario makes that call */
guint faultrun_count_calls (const FaultScenario * scenario, const char *call);

/* For run(): */

/* Returns: the error with which a call fails; 0: none does */
int faultrun_get_errnum (void);

/* Records what is wrong, although it is reported as no error */
void faultrun_add_problem (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Records it if a fault may not become such a text */
void faultrun_check_text (const char *text);

/* Lists BARs as mmiovid-probe does.  Records it if the first is said to be reached by
 * something else than @access. */
gboolean faultrun_probe (const char *access, GError ** error);

G_END_DECLS
