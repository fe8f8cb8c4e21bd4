/* SPDX-License-Identifier: MIT
 * The reader of a weir that was built without libpcap: it says so. */
#include "trace/reader.h"

int capture_reader_open_file(struct capture_reader *reader, FILE *file, const char *name)
{
    if (file != NULL && file != stdin)
        (void)fclose(file);
    return capture_reader_open(reader, name);
}

int capture_reader_open(struct capture_reader *reader, const char *path)
{
    *reader = (struct capture_reader){0};
    (void)snprintf(reader->name, sizeof reader->name, "%s", path);
    (void)snprintf(reader->message, sizeof reader->message,
                   "%s: built without libpcap, which reads captures", reader->name);
    return WEIR_E_UNSUPPORTED;
}

int capture_reader_next(struct capture_reader *reader, struct capture_record *record)
{
    (void)reader;
    (void)record;
    return WEIR_E_INVALID;
}

void capture_reader_close(struct capture_reader *reader)
{
    (void)reader;
}
