/*
 * cli - the subcommands of `geosluice`, and what they share.
 *
 * A subcommand gets argv from its own name on, prints to stdout, complains to stderr, and returns
 * the exit status.
 */
#ifndef GS_CLI_CLI_H
#define GS_CLI_CLI_H

enum {
	EXIT_GOOD,
	EXIT_REJECTED,	/* some features were rejected */
	EXIT_FAILED	/* the document, the job or the command line itself */
};

int cli_up(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_convert(int argc, char **argv);
int cli_send(int argc, char **argv);
int cli_ready(int argc, char **argv);
int cli_job(int argc, char **argv);
int cli_dlq(int argc, char **argv);
int cli_sign(int argc, char **argv);
int cli_token(int argc, char **argv);
int cli_settings(int argc, char **argv);

/* The media type of a document, by its name. */
const char *send_type_of(const char *path);

#endif
