/*
 * temporary - files that nobody else sees and that end with the process.
 *
 * In:  TMPDIR, else /tmp. Out: streams, names. Depends on POSIX alone; tmpfile() would not look at TMPDIR.
 */
#ifndef GS_CLI_TEMPORARY_H
#define GS_CLI_TEMPORARY_H

#include <stdio.h>

/* Without a name, for reading and writing. NULL: errno says why. */
FILE *temporary_file(void);

/* f with a buffer for more than the C library's few KB; f may be NULL. Before anything is read or written. */
FILE *temporary_buffered(FILE *f);

/* A name made of `path` in the folder for temporary files, e.g. "edit-XXXXXX". NULL: ENAMETOOLONG. */
const char *temporary_name(char *out, size_t room, const char *path);

#endif
