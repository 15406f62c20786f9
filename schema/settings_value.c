/* settings_value - one value into its field; see settings_table.h. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/address.h"
#include "lib/conf.h"
#include "lib/crypto.h"
#include "lib/redis.h"
#include "schema/settings_table.h"

#define SECRET_MAX_BYTES 4096u

int settings_refuse(struct err *e, const struct place *at, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (at->line > 0)
		return err_set(e, ERR_INPUT, 0, "%s:%d: %s", at->file, at->line, text);
	return err_set(e, ERR_INPUT, 0, "%s: %s", at->file, text);
}

static int refuse_value(const struct item *it, const char *value, const struct place *at,
    struct err *e)
{
	char allowed[128];
	/* A URL may hold a password. */
	bool hide = it->kind == KIND_SECRET || strchr(value, '@') != NULL;

	item_allowed(it, allowed, sizeof(allowed));
	return settings_refuse(e, at, "%s = %.60s: expected %s", it->name, hide ? "…" : value, allowed);
}

int item_choice(const char *words, const char *value)
{
	size_t n = strlen(value);

	for (int i = 0; *words != '\0'; i++) {
		size_t len = strcspn(words, " ");

		if (len == n && memcmp(words, value, n) == 0)
			return i;
		words += len + strspn(words + len, " ");
	}
	return -1;
}

static bool is_listen(const char *v)
{
	const char *colon = strrchr(v, ':');
	size_t digits;

	if (colon == NULL || colon == v)
		return false;
	digits = strspn(colon + 1, "0123456789");
	if (digits == 0 || digits > 5 || colon[1 + digits] != '\0' || atoi(colon + 1) > 65535)
		return false;
	return v[0] == '[' ? colon[-1] == ']' : memchr(v, ':', (size_t)(colon - v)) == NULL;
}

static bool is_callback_url(const char *v)
{
	const char *host;

	if (*v == '\0')
		return true;
	if (strncmp(v, "http://", 7) == 0)
		host = v + 7;
	else if (strncmp(v, "https://", 8) == 0)
		host = v + 8;
	else
		return false;
	if (*host == '\0' || strchr("/?#:", *host) != NULL)
		return false;
	for (const char *p = v; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	return true;
}

static bool is_allow(const char *v)
{
	struct address_ranges r;
	struct err ignored = ERR_INIT;

	if (address_ranges_parse(&r, v, &ignored) != 0)
		return false;
	address_ranges_clear(&r);
	return true;
}

/* RFC 9110 section 5.6.2: a token. */
static bool is_header_name(const char *v)
{
	for (const char *p = v; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("!#$%&'*+-.^_`|~", *p) == NULL)
			return false;
	return strlen(v) <= 64;
}

static bool is_signature_header(const char *v)
{
	return *v != '\0' && is_header_name(v);
}

static bool is_secret(const char *v)
{
	unsigned char public[32], *key;
	long n;

	if (settings_secret_is_public(v))
		return settings_public_key(v, public) == 0;
	if (strncmp(v, "whsk_", 5) == 0)	/* a private key: the sender's alone */
		return false;
	key = malloc(strlen(v) + 1);
	n = key ? settings_secret_key(v, key) : -1;
	if (key != NULL)
		secret_wipe(key, strlen(v) + 1);
	free(key);
	return n > 0 || *v == '\0';
}

/* What the kind alone does not tell about a text. */
static bool text_ok(const struct item *it, const char *v)
{
	static const struct {
		const char *name;
		bool (*ok)(const char *);
	} checks[] = {
		{ "listen", is_listen }, { "url", redis_url_ok },
		{ "allow", is_allow }, { "callback_url", is_callback_url },
		{ "signature_header", is_signature_header }, { "delivery_header", is_header_name },
	};

	if (it->kind == KIND_SECRET)
		return is_secret(v) && !(settings_secret_is_public(v) && strcmp(it->name, "callback_secret") == 0);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		if (strcmp(it->name, checks[i].name) == 0)
			return checks[i].ok(v);
	return true;
}

void item_text_free(char **p)
{
	if (*p != NULL)
		secret_wipe(*p, strlen(*p));
	free(*p);
	*p = NULL;
}

/* Words between commas or blanks; at least one. */
static bool read_choices(const char *words, const char *value, unsigned *bits)
{
	char word[64];

	*bits = 0;
	for (const char *p = value; *(p += strspn(p, ", \t")) != '\0';) {
		size_t n = strcspn(p, ", \t");
		int choice;

		if (n >= sizeof(word))
			return false;
		memcpy(word, p, n);
		word[n] = '\0';
		if ((choice = item_choice(words, word)) < 0)
			return false;
		*bits |= 1u << choice;
		p += n;
	}
	return *bits != 0;
}

/* "2026-11-01" or "2026-11-01T06:00:00Z"; "" is 0. */
static bool read_time(const char *value, int64_t *unix_s)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	size_t n = strlen(value);
	struct tm t = { .tm_isdst = 0 }, back;
	time_t at;

	*unix_s = 0;
	if (n != 10 && n != sizeof(form) - 1)
		return n == 0;
	for (size_t i = 0; i < n; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)value[i]) : value[i] != form[i])
			return false;
	t.tm_year = atoi(value) - 1900;
	t.tm_mon = atoi(value + 5) - 1;
	t.tm_mday = atoi(value + 8);
	if (n > 10) {
		t.tm_hour = atoi(value + 11);
		t.tm_min = atoi(value + 14);
		t.tm_sec = atoi(value + 17);
	}
	back = t;
	at = timegm(&back);	/* which turns February 30 into March 2 */
	*unix_s = at;
	return at > 0 && back.tm_mon == t.tm_mon && back.tm_mday == t.tm_mday && back.tm_hour == t.tm_hour
	    && back.tm_min == t.tm_min && back.tm_sec == t.tm_sec;
}

/* Writes value into the field of it in the struct at base. */
int item_set(const struct item *it, void *base, const char *value, const struct place *at,
    struct err *e)
{
	void *field = (char *)base + it->at;
	char *end, *copy;
	int choice;

	switch (it->kind) {
	case KIND_INT: {
		long long n;

		errno = 0;
		n = strtoll(value, &end, 10);
		if (errno != 0 || end == value || *end != '\0' || isspace((unsigned char)*value) ||
		    *value == '+' || (double)n < it->low || (double)n > it->high)
			return refuse_value(it, value, at, e);
		*(setting_INT *)field = n;
		return 0;
	}
	case KIND_REAL: {
		double n = strtod(value, &end);

		/* Digits only: no hexadecimal, infinity or NaN. */
		if (*value == '\0' || value[strspn(value, "0123456789.eE-")] != '\0' || *end != '\0' ||
		    !(n >= it->low && n <= it->high))
			return refuse_value(it, value, at, e);
		*(setting_REAL *)field = n;
		return 0;
	}
	case KIND_BOOL:
		if ((choice = item_choice("no yes", value)) < 0)
			return refuse_value(it, value, at, e);
		*(setting_BOOL *)field = choice == 1;
		return 0;
	case KIND_CHOICE:
		if ((choice = item_choice(it->unit, value)) < 0)
			return refuse_value(it, value, at, e);
		*(setting_CHOICE *)field = choice;
		return 0;
	case KIND_CHOICES:
		if (!read_choices(it->unit, value, field))
			return refuse_value(it, value, at, e);
		return 0;
	case KIND_TIME:
		if (!read_time(value, field))
			return refuse_value(it, value, at, e);
		return 0;
	case KIND_STRING:
	case KIND_PATH:
	case KIND_SECRET:
		if (!text_ok(it, value))
			return refuse_value(it, value, at, e);
		if ((copy = strdup(value)) == NULL)
			return err_set(e, ERR_SYSTEM, 0, "out of memory");
		item_text_free(field);
		*(char **)field = copy;
		return 0;
	}
	return 0;
}

/* The same with the text of the file that value names; a line end behind it is not part of it. */
int item_set_from_file(const struct item *it, void *base, const char *path,
    const struct place *at, struct err *e)
{
	struct err why = ERR_INIT;
	struct buf b;
	int rc = -1;

	buf_init(&b, SECRET_MAX_BYTES + 2);
	if (conf_slurp(path, SECRET_MAX_BYTES, &b, &why) != 0) {
		settings_refuse(e, at, "%s_file: %s", it->name, why.text);
		goto out;
	}
	if (b.len > 0 && b.data[b.len - 1] == '\n')
		b.len--;
	if (b.len > 0 && b.data[b.len - 1] == '\r')
		b.len--;
	if (b.len == 0 || memchr(b.data, '\0', b.len) != NULL || memchr(b.data, '\n', b.len) != NULL) {
		settings_refuse(e, at, "%s_file: %s: expected one line with the secret", it->name, path);
		goto out;
	}
	rc = item_set(it, base, buf_cstr(&b), at, e);
 out:
	if (b.data != NULL)
		secret_wipe(b.data, b.room);
	buf_clear(&b);
	return rc;
}
