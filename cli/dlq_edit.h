/*
 * dlq_edit - a dead letter's feature, mended by hand and replayed.
 *
 * In:  a letter's id; an editor, or a file with the mended text. Out: the replaying job's statusInfo, printed.
 * Depends on cli/http.
 */
#ifndef GS_CLI_DLQ_EDIT_H
#define GS_CLI_DLQ_EDIT_H

/* file: the mended text, "-" for standard input, NULL to have it edited. The exit status. */
int dlq_edit(const char *base, const char *id, const char *file);

#endif
