/*
 * settings - what the operator chose, checked.
 *
 * In:  an INI file, the environment, the table limits.def. Out: one struct with every setting in
 * range. Depends on lib/conf for reading.
 *
 * The environment goes before the file. GEOSLUICE_SOURCE_<NAME>_<SETTING> sets one of a source;
 * it makes the source (name in lower case) where the file has none of that name.
 */
#ifndef GS_SCHEMA_SETTINGS_H
#define GS_SCHEMA_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "schema/reject.h"

/* The C type of each kind. A SECRET is text; settings_secret_key gives its bytes. A TIME is Unix seconds,
 * 0 where none is set. */
typedef char *setting_STRING, *setting_PATH, *setting_SECRET;
typedef int64_t setting_INT;
typedef double setting_REAL;
typedef bool setting_BOOL;
typedef int setting_CHOICE;	/* index of the word in the unit's list */
typedef unsigned setting_CHOICES;	/* a bit per word */
typedef int64_t setting_TIME;

/* In the order of [source] scheme's words, as bits of struct source. */
enum scheme {
	SCHEME_RFC9421, SCHEME_STANDARD_WEBHOOKS, SCHEME_STRIPE, SCHEME_GITHUB, SCHEME_SHOPIFY, SCHEME_GENERIC,
	SCHEME_COUNT
};
enum ack { ACK_MEMORY, ACK_AOF, ACK_REPLICA, ACK_LEVELS };	/* of [source] ack */
enum { ENCODING_HEX, ENCODING_BASE64 };		/* of [source] signature_encoding */

struct source {
	char *name;
#define SOURCE_SETTING(name, kind, fallback, low, high, unit, help) setting_##kind name;
#include "schema/limits.def"
	unsigned char severity[R_COUNT];	/* enum severity per code */
};

struct settings {
	struct {
#define SETTING_server(name, kind) setting_##kind name;
#define SETTING_redis(name, kind)
#define SETTING_worker(name, kind)
#define SETTING_courier(name, kind)
#define SETTING(section, name, kind, fallback, low, high, unit, help) SETTING_##section(name, kind)
#include "schema/limits.def"
#undef SETTING_server
#undef SETTING_redis
#define SETTING_server(name, kind)
	} server;
	struct {
#define SETTING_redis(name, kind) setting_##kind name;
#define SETTING(section, name, kind, fallback, low, high, unit, help) SETTING_##section(name, kind)
#include "schema/limits.def"
#undef SETTING_redis
#undef SETTING_worker
#define SETTING_redis(name, kind)
	} redis;
	struct {
#define SETTING_worker(name, kind) setting_##kind name;
#define SETTING(section, name, kind, fallback, low, high, unit, help) SETTING_##section(name, kind)
#include "schema/limits.def"
#undef SETTING_worker
#undef SETTING_courier
#define SETTING_worker(name, kind)
	} worker;
	struct {
#define SETTING_courier(name, kind) setting_##kind name;
#define SETTING(section, name, kind, fallback, low, high, unit, help) SETTING_##section(name, kind)
#include "schema/limits.def"
#undef SETTING_server
#undef SETTING_redis
#undef SETTING_worker
#undef SETTING_courier
	} courier;
	struct source *sources;
	size_t source_count;
	char *file;		/* that they were read from; NULL: none */
};

/*
 * Reads path (NULL: none) and the environment. NULL: e says file, line, value and what is allowed.
 */
struct settings *settings_load(const char *path, struct err *e);
/* The same from a text already in memory, without the environment: for tests and fuzzing. */
struct settings *settings_parse(const char *text, size_t n, struct err *e);
void settings_free(struct settings **s);	/* wipes secrets */

const struct source *settings_source(const struct settings *s, const char *name);	/* NULL if unknown */

/* One of a source's secrets: text "" where none is set. Borrowed. */
#define SOURCE_SECRETS 4
struct source_secret {
	const char *text, *id;
	int64_t not_before, not_after;	/* Unix seconds; 0: no bound */
};
struct source_secret source_secret(const struct source *src, int i);
bool source_secret_live(const struct source_secret *k, int64_t unix_s);
/* The text that what goes to this source is signed with: callback_secret, else the first HMAC key of its own
 * that is live, else the first of them: a job may end after its secrets. */
const char *source_callback_secret(const struct source *src, int64_t unix_s);

/* The key bytes of a secret: those behind "whsec_" as base64, else the text itself. Returns their number,
 * or -1 if the base64 is broken. out has room for strlen(secret). */
long settings_secret_key(const char *secret, unsigned char *out);
/* Is it an Ed25519 public key, "whpk_" and base64? Then key gets its bytes; -1 if they are not 32. */
bool settings_secret_is_public(const char *secret);
int settings_public_key(const char *secret, unsigned char key[32]);

/* Every setting with default, range, unit and help, as --help and the manual show them. */
void settings_print(FILE *f, bool markdown);

/*
 * The command line that all programs share: -c FILE / --config FILE (else GEOSLUICE_CONFIG), --help,
 * --version. Prints and exits for the latter two; exits 2 with words on a wrong option or setting.
 */
struct settings *settings_from_args(int argc, char **argv, const char *program, const char *about);

#endif
