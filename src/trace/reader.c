/* SPDX-License-Identifier: MIT */
#include "trace/reader.h"
#include "trace/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <string.h>

/* Set the message, with the file and, once packets are read, the packet in front. */
__attribute__((format(printf, 3, 4))) static int
reader_fail(struct capture_reader *r, int error, const char *format, ...)
{
    int n = r->pcap == NULL ? snprintf(r->message, sizeof r->message, "%s: ", r->name)
                            : snprintf(r->message, sizeof r->message, "%s: packet %" PRIu64 ": ",
                                       r->name, r->packets + 1);
    va_list args;
    va_start(args, format);
    if (n > 0 && (size_t)n < sizeof r->message)
        (void)vsnprintf(r->message + n, sizeof r->message - (size_t)n, format, args);
    va_end(args);
    return error;
}

static void reader_name(struct capture_reader *r, const char *name)
{
    size_t len = strlen(name);
    const char *from = len > CAPTURE_NAME_MAX ? name + len - CAPTURE_NAME_MAX : name;
    memcpy(r->name, from, strlen(from) + 1);
}

static void file_close(FILE *file)
{
    if (file != NULL && file != stdin)
        (void)fclose(file);
}

int capture_reader_open_file(struct capture_reader *reader, FILE *file, const char *name)
{
    *reader = (struct capture_reader){.file = file};
    reader_name(reader, name);
    char text[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap =
        pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
    if (pcap == NULL) {
        int error = ferror(file) ? WEIR_E_IO : WEIR_E_FORMAT;
        file_close(file);
        reader->file = NULL;
        return reader_fail(reader, error, "%s", text);
    }
    reader->pcap = pcap;
    /* libpcap's numbers are those of LINKTYPE_... for nearly all types; raw IP differs by host. */
    int dlt = pcap_datalink(pcap);
    reader->link = dlt == DLT_RAW || dlt == CAPTURE_LINK_IP4 ? CAPTURE_LINK_RAW : dlt;
    return 0;
}

int capture_reader_open(struct capture_reader *reader, const char *path)
{
    if (strcmp(path, "-") == 0)
        return capture_reader_open_file(reader, stdin, "standard input");
    FILE *file = fopen(path, "rb");
    if (file != NULL)
        return capture_reader_open_file(reader, file, path);
    int cause = errno;
    *reader = (struct capture_reader){0};
    reader_name(reader, path);
    return reader_fail(reader, WEIR_E_IO, "%s", strerror(cause));
}

/* A length, time or order that no sound file states; NULL: it is sound. */
static const char *record_fault(const struct pcap_pkthdr *header)
{
    if (header->caplen > header->len)
        return "more bytes captured than the packet has";
    if (header->ts.tv_sec < 0 || header->ts.tv_usec < 0 || header->ts.tv_usec >= WEIR_NS_PER_S ||
        header->ts.tv_sec >= INT64_MAX / WEIR_NS_PER_S)
        return "impossible time stamp";
    return NULL;
}

int capture_reader_next(struct capture_reader *reader, struct capture_record *record)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    if (reader->pcap == NULL)
        return WEIR_E_INVALID;
    if (reader->ended)
        return reader->error;
    int result = pcap_next_ex(reader->pcap, &header, &bytes);
    if (result == 1) {
        const char *fault = record_fault(header);
        if (fault == NULL) {
            *record = (struct capture_record){
                /* With the precision asked for, tv_usec counts nanoseconds. */
                .time = (weir_time)header->ts.tv_sec * WEIR_NS_PER_S + header->ts.tv_usec,
                .bytes = bytes,
                .captured = header->caplen,
                .len = header->len,
                .number = ++reader->packets};
            return 1;
        }
        reader->error = reader_fail(reader, WEIR_E_FORMAT, "%s", fault);
    } else if (result != PCAP_ERROR_BREAK) { /* which is the end of a file */
        int error = ferror(reader->file) ? WEIR_E_IO : WEIR_E_FORMAT;
        reader->error = reader_fail(reader, error, "%s", pcap_geterr(reader->pcap));
    }
    reader->ended = true;
    return reader->error;
}

void capture_reader_close(struct capture_reader *reader)
{
    if (reader->pcap != NULL)
        pcap_close(reader->pcap); /* and the file, unless it is stdin */
    reader->pcap = NULL;
    reader->file = NULL;
}
