/* SPDX-License-Identifier: MIT
 * In place of the control socket and of `weir netstat` where jansson is not there. */
#include "cli.h"
#include "control.h"

bool control_default(char path[CONTROL_PATH_MAX], long pid)
{
    (void)pid;
    path[0] = '\0';
    return false;
}

struct control *control_open(const struct control_config *config)
{
    (void)config;
    cli_error("this weir was built without JSON, which the control socket speaks");
    return NULL;
}

void control_close(struct control *control)
{
    (void)control;
}

int cli_netstat(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    cli_error("this weir was built without JSON, which the control socket speaks");
    return CLI_FAILED;
}
