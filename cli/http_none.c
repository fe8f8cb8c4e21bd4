/* SPDX-License-Identifier: MIT
 * In place of what needs http_parser, where that is not there. */
#include "cli.h"
#include "http_server.h"

static void say(void)
{
    cli_error("this weir was built without HTTP");
}

bool http_server_init(struct http_server *server)
{
    (void)server;
    say();
    return false;
}

void http_server_print(const struct http_server *server, FILE *out)
{
    (void)server;
    (void)out;
}

int cli_get(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    say();
    return CLI_FAILED;
}

int cli_put(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    say();
    return CLI_FAILED;
}
