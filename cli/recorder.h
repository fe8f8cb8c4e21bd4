/* SPDX-License-Identifier: MIT
 * The file that a stack is recorded in, for weir replay. */
#ifndef WEIR_CLI_RECORDER_H
#define WEIR_CLI_RECORDER_H

#include "driver/recording.h"

/* The fields are its own. It does not move while it is open. */
struct recorder {
    const char *path; /* NULL: nothing is recorded */
    int fd;
    struct recording_writer writer;
};

/* Open the file, which nobody else may read; path NULL: none; "-": standard output. False: it cannot be,
 * and a line was printed. */
bool recorder_open(struct recorder *recorder, const char *path);

/* Have the stack of this configuration recorded, if there is a file: give the configuration a secret of
 * its own before. What is buffered is saved when an assertion of the stack fails. */
void recorder_attach(struct recorder *recorder, struct weir_config *config);

/* From here on, what is buffered is saved when the program dies of a signal such as SIGSEGV. For one
 * recorder in a program. */
void recorder_guard(struct recorder *recorder);

/* Hand on what is buffered. False: it could not be, and recorder_close() will say why. */
bool recorder_flush(struct recorder *recorder);

/* End the recording. What there is of one that could not be written to its end stays, for it can be
 * replayed so far. False: it could not; a line was printed. */
bool recorder_close(struct recorder *recorder);

#endif
