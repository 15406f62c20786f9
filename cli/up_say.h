/*
 * up_say - what `geosluice up` has to say, and what its server says.
 *
 * In:  words, lines. Out: standard error. Nobody is waited for, since the same loop looks after the programs: who does
 * not read loses lines, and is told how many once there is room again.
 */
#ifndef GS_CLI_UP_SAY_H
#define GS_CLI_UP_SAY_H

#include <stdbool.h>
#include <stddef.h>

#define UP_SAY_MAX 4096		/* bytes that a pipe takes at once or not at all: PIPE_BUF */

void up_say(const char *what, const char *how);
/* Whole lines, UP_SAY_MAX bytes of them at the most, as they are. */
void up_pass(const char *lines, size_t n);

/* So many bytes can be written to it without waiting. */
bool up_has_room(int fd);

#endif
