/*
 * up_files - the folder that `geosluice up` lives in.
 *
 * In:  its name. Out: the paths in it, made where they are missing. Depends on lib/crypto.
 */
#ifndef GS_CLI_UP_FILES_H
#define GS_CLI_UP_FILES_H

#include <limits.h>
#include <stdbool.h>

#include "lib/err.h"

struct up_files {
	char dir[PATH_MAX];		/* absolute */
	char socket[PATH_MAX + 32];
	char redis_url[PATH_MAX + 64];
	char redis_log[PATH_MAX + 32];
	char config[PATH_MAX + 32];
	char secret[PATH_MAX + 32];	/* of the source "demo"; "" where the config was given */
	int lock;			/* held while `up` runs */
};

/* Makes dir (for this user alone), locks it, and writes a configuration with a source "demo" and a random
 * secret unless config names one or it is there already. */
int up_files_open(struct up_files *f, const char *dir, const char *config, struct err *e);
void up_files_close(struct up_files *f);

/* "geosluice-<name>" beside this program. */
int up_program(char out[PATH_MAX], const char *name, struct err *e);

/* Writes text to path by way of a temporary name. */
int up_write(const char *path, const char *text, struct err *e);

#endif
