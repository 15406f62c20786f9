/*
 * settings - see settings.h.
 *
 * A value is written into its struct by the row of the table that names it; where it came from
 * is kept beside, so that the environment goes before the file and nothing is set twice.
 */
#include "schema/settings.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/conf.h"
#include "lib/crypto.h"
#include "schema/settings_table.h"
#include "schema/tokens.h"
#include "schema/wire.h"

#define CONFIG_MAX_BYTES (1u << 20)
#define MEMORY_LEAST_BYTES ((int64_t)64 << 20)	/* three times a transform process at rest, as in workers/cgroup.c */
#define SOURCE_SLOTS 64		/* a source's settings come first, then a slot per code */
#define ENV_SOURCE "GEOSLUICE_SOURCE_"

extern char **environ;

struct loading {
	struct settings *s;
	int *lines;		/* where each of setting_items was set; 0 if it was not */
	int (*source_lines)[SOURCE_SLOTS + R_COUNT];	/* the same per source */
	size_t from_file;	/* sources that the file has */
	struct err *e;
};

static int out_of_memory(struct err *e)
{
	return err_set(e, ERR_SYSTEM, 0, "out of memory");
}

static int set_defaults(const struct item *items, size_t n, void *base, struct err *e)
{
	const struct place table = { "limits.def", 0 };

	for (size_t i = 0; i < n; i++)
		if (item_set(&items[i], base, items[i].fallback, &table, e) != 0)
			return -1;
	return 0;
}

/* ---- sources ---- */

static bool is_source_name(const char *s, size_t n)
{
	if (n == 0 || n > SOURCE_NAME_MAX || s[0] == '-' || s[0] == '_')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '-' &&
		    s[i] != '_')
			return false;
	return true;
}

/* The place of the source of that name among all, made if need be; -1: no memory. */
static long source_index(struct loading *l, const char *name, size_t len)
{
	struct settings *s = l->s;
	struct source *more;
	void *lines;

	/* From the end: lines of one section follow each other. */
	for (size_t i = s->source_count; i-- > 0;)
		if (strlen(s->sources[i].name) == len && memcmp(s->sources[i].name, name, len) == 0)
			return (long)i;
	if ((more = realloc(s->sources, (s->source_count + 1) * sizeof(*more))) == NULL)
		return out_of_memory(l->e);
	s->sources = more;
	if ((lines = realloc(l->source_lines, (s->source_count + 1) * sizeof(*l->source_lines))) == NULL)
		return out_of_memory(l->e);
	l->source_lines = lines;
	more += s->source_count;
	memset(more, 0, sizeof(*more));
	memset(l->source_lines[s->source_count], 0, sizeof(*l->source_lines));
	if ((more->name = strndup(name, len)) == NULL)
		return out_of_memory(l->e);
	s->source_count++;
	for (int code = 1; code < R_COUNT; code++)
		more->severity[code] = (unsigned char)reject_info((enum reject_code)code)->severity;
	if (set_defaults(source_items, source_item_count, more, l->e) != 0)
		return -1;
	return (long)s->source_count - 1;
}

/* CODE = reject | warn | fix */
static int set_severity(struct source *src, enum reject_code code, const char *value,
    const struct place *at, struct err *e)
{
	unsigned allowed = reject_info(code)->allowed;
	int chosen = item_choice("reject warn fix", value);

	if (chosen < 0 || (allowed & 1u << chosen) == 0)
		return settings_refuse(e, at, "%s = %.60s: expected%s%s%s", reject_name(code), value,
		    allowed & 1u << SEV_REJECT ? " reject" : "", allowed & 1u << SEV_WARN ? " warn" : "",
		    allowed & 1u << SEV_FIX ? " fix" : "");
	src->severity[code] = (unsigned char)chosen;
	return 0;
}

/* ---- the file ---- */

static int set_twice(struct err *e, const struct place *at, const char *name, int before)
{
	return settings_refuse(e, at, "%s: set in line %d already", name, before);
}

/* Sets the item that is called name (or, a secret's, name without "_file").
 * lines: the line that set each item. 1: there is none of that name. */
static int set_named(const struct item *items, size_t n, const char *section, void *base, int *lines,
    const struct conf_line *c, struct err *e)
{
	const struct place at = { c->file, c->line };

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(items[i].name);
		bool file = false;

		if (section != NULL && strcmp(items[i].section, section) != 0)
			continue;
		if (strncmp(c->name, items[i].name, len) != 0)
			continue;
		if (c->name[len] != '\0') {
			file = items[i].kind == KIND_SECRET && strcmp(c->name + len, "_file") == 0;
			if (!file)
				continue;
		}
		if (lines[i] != 0)
			return set_twice(e, &at, items[i].name, lines[i]);
		lines[i] = c->line;
		return file ? item_set_from_file(&items[i], base, c->value, &at, e) :
		    item_set(&items[i], base, c->value, &at, e);
	}
	return 1;
}

static int source_line(struct loading *l, const char *name, const struct conf_line *c, struct err *e)
{
	const struct place at = { c->file, c->line };
	enum reject_code code;
	struct source *src;
	int rc, *lines;
	long i;

	if (!is_source_name(name, strlen(name)))
		return settings_refuse(e, &at, "[%s]: a source's name is of a-z 0-9 - _, %d characters at the most",
		    c->section, SOURCE_NAME_MAX);
	if ((i = source_index(l, name, strlen(name))) < 0)
		return -1;
	src = &l->s->sources[i];
	lines = l->source_lines[i];
	if ((rc = set_named(source_items, source_item_count, NULL, src, lines, c, e)) != 1)
		return rc;
	if ((code = reject_find(c->name)) == R_NONE)
		return settings_refuse(e, &at, "[%s] %.60s: no such setting or code", c->section, c->name);
	if (lines[SOURCE_SLOTS + code] != 0)
		return set_twice(e, &at, c->name, lines[SOURCE_SLOTS + code]);
	lines[SOURCE_SLOTS + code] = c->line;
	return set_severity(src, code, c->value, &at, e);
}

static int file_line(void *ctx, const struct conf_line *c, struct err *e)
{
	struct loading *l = ctx;
	const struct place at = { c->file, c->line };
	bool known = false;

	if (strncmp(c->section, "source ", 7) == 0)
		return source_line(l, c->section + 7 + strspn(c->section + 7, " \t"), c, e);
	for (size_t i = 0; i < setting_item_count && !known; i++)
		known = strcmp(setting_items[i].section, c->section) == 0;
	if (!known)
		return settings_refuse(e, &at, "[%s]: expected [server] [redis] [worker] [courier] or [source NAME]",
		    c->section);
	if (set_named(setting_items, setting_item_count, c->section, l->s, l->lines, c, e) == 1)
		return settings_refuse(e, &at, "[%s] %.60s: no such setting", c->section, c->name);
	return e->cls == ERR_NONE ? 0 : -1;
}

/* ---- the environment ---- */

/* Does the upper-case end of an environment name, n bytes, say `name` and then `tail`? */
static bool env_says(const char *end, size_t n, const char *name, const char *tail)
{
	size_t len = strlen(name), more = strlen(tail);

	if (n != len + more || memcmp(end + len, tail, more) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (end[i] != toupper((unsigned char)name[i]))
			return false;
	return true;
}

/* Finds the source that the first n bytes of an environment name mean: a "-" of its name stands as "_". */
static long env_source(const struct loading *l, const char *name, size_t n)
{
	for (size_t i = 0; i < l->from_file; i++) {
		const char *have = l->s->sources[i].name;
		size_t same = 0;

		while (same < n && (tolower((unsigned char)name[same]) == have[same] ||
		    (name[same] == '_' && have[same] == '-')))
			same++;
		if (same == n && have[n] == '\0')
			return (long)i;
	}
	return -1;
}

/* What the end of an environment name means. */
struct env_end {
	const struct item *it;		/* NULL: a code */
	enum reject_code code;
	bool file;
};

static bool env_end_find(const char *end, size_t n, struct env_end *out)
{
	for (size_t i = 0; i < source_item_count; i++) {
		const struct item *it = &source_items[i];

		*out = (struct env_end){ it, R_NONE, false };
		if (env_says(end, n, it->name, ""))
			return true;
		out->file = true;
		if (it->kind == KIND_SECRET && env_says(end, n, it->name, "_FILE"))
			return true;
	}
	for (int code = 1; code < R_COUNT; code++) {
		*out = (struct env_end){ NULL, (enum reject_code)code, false };
		if (env_says(end, n, reject_name(out->code), ""))
			return true;
	}
	return false;
}

/* GEOSLUICE_SOURCE_<NAME>_<SETTING>=value. Both may hold "_": a source of the file goes first, then
 * the longest setting. */
static int env_source_line(struct loading *l, const char *var)
{
	const char *name = var + strlen(ENV_SOURCE), *equals = strchr(name, '=');
	char full[ENV_NAME_MAX], lower[SOURCE_NAME_MAX + 1];
	const struct place at = { full, 0 };
	struct env_end found, chosen = { 0 };
	size_t chosen_len = 0;
	struct source *src;
	long index = -1;

	snprintf(full, sizeof(full), "environment %.*s", (int)(equals - var), var);
	for (const char *p = name + 1; p + 1 < equals && index < 0; p++) {
		if (*p != '_' || !env_end_find(p + 1, (size_t)(equals - p - 1), &found))
			continue;
		index = env_source(l, name, (size_t)(p - name));
		if (chosen_len == 0 || index >= 0) {
			chosen = found;
			chosen_len = (size_t)(p - name);
		}
	}
	if (chosen_len == 0)
		return settings_refuse(l->e, &at, "no such setting or code of a source");
	if (index < 0) {
		for (size_t i = 0; i < chosen_len && i < SOURCE_NAME_MAX; i++)
			lower[i] = (char)tolower((unsigned char)name[i]);
		if (!is_source_name(lower, chosen_len))
			return settings_refuse(l->e, &at, "a source's name is of a-z 0-9 _, %d characters at the most",
			    SOURCE_NAME_MAX);
		if ((index = source_index(l, lower, chosen_len)) < 0)
			return -1;
	}
	src = &l->s->sources[index];
	if (chosen.it == NULL)
		return set_severity(src, chosen.code, equals + 1, &at, l->e);
	return chosen.file ? item_set_from_file(chosen.it, src, equals + 1, &at, l->e) :
	    item_set(chosen.it, src, equals + 1, &at, l->e);
}

static int read_environment(struct loading *l)
{
	char name[ENV_NAME_MAX], place[ENV_NAME_MAX + 16];
	const struct place at = { place, 0 };
	const char *value;

	for (size_t i = 0; i < setting_item_count; i++) {
		item_env_name(&setting_items[i], name);
		snprintf(place, sizeof(place), "environment %s", name);
		if ((value = getenv(name)) != NULL &&
		    item_set(&setting_items[i], l->s, value, &at, l->e) != 0)
			return -1;
	}
	l->from_file = l->s->source_count;
	for (char **var = environ; *var != NULL; var++)
		if (strncmp(*var, ENV_SOURCE, strlen(ENV_SOURCE)) == 0 && strchr(*var, '=') != NULL &&
		    env_source_line(l, *var) != 0)
			return -1;
	return 0;
}

/* ---- all of it ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct source *)a)->name, ((const struct source *)b)->name);
}

static int check_source(const struct source *src, const char *file, struct err *e)
{
	const unsigned asymmetric = 1u << SCHEME_RFC9421 | 1u << SCHEME_STANDARD_WEBHOOKS;
	bool any = false, shared = false;

	for (int i = 0; i < SOURCE_SECRETS; i++) {
		const struct source_secret k = source_secret(src, i);

		any = any || *k.text != '\0';
		shared = shared || (*k.text != '\0' && !settings_secret_is_public(k.text));
		if (k.not_after != 0 && k.not_after <= k.not_before)
			return err_set(e, ERR_INPUT, 0, "%s: [source %s] has a secret that ends before it begins", file,
			    src->name);
	}
	if (!any)
		return err_set(e, ERR_INPUT, 0, "%s: [source %s] has no secret: set secret or secret_file", file,
		    src->name);
	if (!shared && (src->scheme & ~asymmetric) != 0)
		return err_set(e, ERR_INPUT, 0,
		    "%s: [source %s] has public keys alone: its scheme needs a shared secret", file, src->name);
	if (!shared && *src->callback_url != '\0' && *src->callback_secret == '\0')
		return err_set(e, ERR_INPUT, 0, "%s: [source %s] has public keys alone: set callback_secret", file,
		    src->name);
	return 0;
}

/* What concerns more than one value. */
static int check_whole(struct settings *s, const char *file, struct err *e)
{
	struct token tokens[TOKENS_MAX];
	struct address_ranges ranges = { NULL, 0 };
	struct err why = ERR_INIT;
	int rc;

	if (tokens_parse(s->server.tokens, tokens, &why) < 0)
		return err_set(e, ERR_INPUT, 0, "%s: [server] tokens: %s", file, why.text);
	rc = address_ranges_parse(&ranges, s->server.trusted_proxies, &why);
	address_ranges_clear(&ranges);
	if (rc != 0)
		return err_set(e, ERR_INPUT, 0, "%s: [server] trusted_proxies: %s", file, why.text);
	if (s->courier.backoff_min_ms > s->courier.backoff_max_ms)
		return err_set(e, ERR_INPUT, 0, "%s: [courier] backoff_min_ms is above backoff_max_ms", file);
	if (s->worker.feature_timeout_ms >= s->worker.lease_ms)
		return err_set(e, ERR_INPUT, 0, "%s: [worker] feature_timeout_ms is %" PRId64 "; it must be below "
		    "lease_ms, %" PRId64 ", or a job is taken away over one feature", file,
		    s->worker.feature_timeout_ms, s->worker.lease_ms);
	if (s->worker.memory_bytes != 0 && s->worker.memory_bytes < MEMORY_LEAST_BYTES)
		return err_set(e, ERR_INPUT, 0, "%s: [worker] memory_bytes is %" PRId64 "; a process needs %" PRId64
		    " at the least, or 0 for no limit", file, s->worker.memory_bytes, MEMORY_LEAST_BYTES);
	if ((*s->server.tls_certificate == '\0') != (*s->server.tls_key == '\0'))
		return err_set(e, ERR_INPUT, 0, "%s: [server] tls_certificate and tls_key belong together", file);
	for (size_t i = 0; i < s->source_count; i++)
		if (check_source(&s->sources[i], file, e) != 0)
			return -1;
	if (s->source_count > 0)
		qsort(s->sources, s->source_count, sizeof(*s->sources), by_name);
	return 0;
}

static struct settings *load(const char *file, const char *text, size_t n, bool environment,
    struct err *e)
{
	struct loading l = { .e = e };
	int rc = -1;

	assert(source_item_count <= SOURCE_SLOTS);
	if ((l.s = calloc(1, sizeof(*l.s))) == NULL ||
	    (l.lines = calloc(setting_item_count, sizeof(*l.lines))) == NULL) {
		out_of_memory(e);
		goto out;
	}
	if (set_defaults(setting_items, setting_item_count, l.s, e) != 0 ||
	    (text != NULL && conf_read(file, text, n, file_line, &l, e) != 0) ||
	    (environment && read_environment(&l) != 0))
		goto out;
	rc = check_whole(l.s, file, e);
 out:
	free(l.lines);
	free(l.source_lines);
	if (rc != 0)
		settings_free(&l.s);
	return l.s;
}

struct settings *settings_parse(const char *text, size_t n, struct err *e)
{
	return load("settings", text, n, false, e);
}

struct settings *settings_load(const char *path, struct err *e)
{
	struct settings *s = NULL;
	struct buf b;

	buf_init(&b, CONFIG_MAX_BYTES + 1);
	if (path == NULL)
		s = load("environment", NULL, 0, true, e);
	else if (conf_slurp(path, CONFIG_MAX_BYTES, &b, e) == 0)
		s = load(path, b.data, b.len, true, e);
	if (s != NULL && path != NULL && (s->file = strdup(path)) == NULL) {
		out_of_memory(e);
		settings_free(&s);
	}
	if (b.data != NULL)
		secret_wipe(b.data, b.room);
	buf_clear(&b);
	return s;
}

static void free_texts(const struct item *items, size_t n, void *base)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].kind == KIND_STRING || items[i].kind == KIND_PATH ||
		    items[i].kind == KIND_SECRET)
			item_text_free((char **)(void *)((char *)base + items[i].at));
}

void settings_free(struct settings **s)
{
	if (*s == NULL)
		return;
	free_texts(setting_items, setting_item_count, *s);
	for (size_t i = 0; i < (*s)->source_count; i++) {
		free_texts(source_items, source_item_count, &(*s)->sources[i]);
		free((*s)->sources[i].name);
	}
	free((*s)->sources);
	free((*s)->file);
	free(*s);
	*s = NULL;
}

const struct source *settings_source(const struct settings *s, const char *name)
{
	struct source key = { .name = (char *)(uintptr_t)name };

	if (s->source_count == 0)
		return NULL;
	return bsearch(&key, s->sources, s->source_count, sizeof(*s->sources), by_name);
}
