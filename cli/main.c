/* SPDX-License-Identifier: MIT
 * The command `weir`: finds the subcommand and lets it run. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "weir/version.h"

struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
};

static int cli_help(int argc, char **argv);

static const struct command commands[] = {
    {"host", "a stack on a device that answers ping and serves files", cli_host},
    {"ping", "ping from a stack on a device", cli_ping},
    {"get", "download a file over HTTP by a stack on a device", cli_get},
    {"put", "upload a file over HTTP by a stack on a device", cli_put},
    {"netstat", "the TCP connections of a running host", cli_netstat},
    {"udp", "send and receive datagrams by a stack on a device", cli_udp},
    {"sim", "run a scenario in the simulator", cli_sim},
    {"drill", "run packet scripts against a stack in virtual time", cli_drill},
    {"replay", "run a recorded stack again, and compare", cli_replay},
    {"help", "show help about weir or a command", cli_help},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct command *command_find(const char *name)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* The list of commands, behind the options; to be freed. */
static char *commands_text(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    fputs("Commands:\n", out);
    for (unsigned i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\n'weir help COMMAND' shows the options of a command.", out);
    return fclose(out) == 0 ? text : NULL;
}

static char *help_filter(int key, const char *text, void *input)
{
    (void)input;
    if (key == ARGP_KEY_HELP_POST_DOC)
        return commands_text();
    return text != NULL ? strdup(text) : NULL;
}

/* What the options before the command say. */
struct top {
    int command; /* index in argv; 0: none */
};

static error_t parse_top(int key, char *arg, struct argp_state *state)
{
    struct top *top = state->input;
    (void)arg;
    switch (key) {
    case 'V':
        printf("weir %s\n", weir_version());
        exit(CLI_OK);
    case ARGP_KEY_ARG:
        top->command = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(int argc, char **argv, struct top *top)
{
    static const struct argp_option options[] = {{"version", 'V', 0, 0, "Print the version", 0},
                                                 {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse_top,
                                     .args_doc = "COMMAND [ARG...]",
                                     .doc = "A TCP/IP stack for user space, and its tools.",
                                     .help_filter = help_filter};
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, top);
}

static int run_command(int argc, char **argv)
{
    const struct command *command = command_find(argv[0]);
    char name[] = "weir";
    if (command == NULL) {
        cli_error("no command '%s'; 'weir --help' shows them", argv[0]);
        return CLI_USAGE;
    }
    argv[0] = name;
    return command->run(argc, argv);
}

static int cli_help(int argc, char **argv)
{
    char name[] = "weir", help[] = "--help";
    struct top top = {0};
    if (argc > 2) {
        cli_error("help is about one command, not '%s' too", argv[2]);
        return CLI_USAGE;
    }
    if (argc == 2 && strcmp(argv[1], "help") != 0) {
        char *args[] = {argv[1], help, NULL};
        return run_command(2, args);
    }
    char *args[] = {name, help, NULL};
    parse(2, args, &top); /* exits */
    return CLI_OK;
}

/* What was printed may still be in the buffer, and the disk full. */
static int flush_stdout(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    cli_error("standard output: %m");
    return code == CLI_OK ? CLI_FAILED : code;
}

int main(int argc, char **argv)
{
    struct top top = {0};
    char name[] = "weir"; /* in messages, wherever it lies */
    argp_err_exit_status = CLI_USAGE;
    if (argc > 0)
        argv[0] = name;
    parse(argc, argv, &top);
    if (top.command == 0) {
        cli_error("a command is missing; 'weir --help' shows them");
        return CLI_USAGE;
    }
    return flush_stdout(run_command(argc - top.command, argv + top.command));
}
