/*
 * child - a program that `geosluice up` runs.
 *
 * In:  its argv. Out: its pid, and how it ended. Depends on fork and exec.
 *
 * A child has a process group of its own, so that Ctrl-C reaches `up` alone and all end in order; if
 * `up` is killed, its children are sent SIGTERM.
 */
#ifndef GS_CLI_CHILD_H
#define GS_CLI_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"

/* argv[0] is a path, or a name that is looked for in PATH. Standard output and error go to out_fd.
 * The pid, or -1 where it cannot be run. */
pid_t child_start(const char *const *argv, int out_fd, struct err *e);

/* Has it ended? Then text says how: "exit code 2", "signal 9". exit_code is 128 + n after signal n. */
bool child_ended(pid_t pid, int *exit_code, char *text, size_t room);

#endif
