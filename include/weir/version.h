/* SPDX-License-Identifier: MIT */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H

#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is running ("0.1.0"). */
WEIR_API const char *weir_version(void);

#ifdef __cplusplus
}
#endif

#endif
