/* schema/settings: the file, the environment, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/settings.h"
#include "schema/wire.h"

static char dir[] = "/tmp/geosluice-settings-XXXXXX";

static const char *put(const char *name, const char *text)
{
	static char paths[4][96];
	static int turn;
	char *path = paths[turn++ % 4];
	FILE *f;

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "w"));
	fputs(text, f);
	fclose(f);
	return path;
}

static struct settings *parse(const char *text)
{
	struct err e = ERR_INIT;
	struct settings *s = settings_parse(text, strlen(text), &e);

	if (s == NULL)
		fail_msg("%s", e.text);
	return s;
}

static void defaults(void **state)
{
	struct settings *s = parse("");

	(void)state;
	assert_string_equal(s->server.listen, "127.0.0.1:8080");
	assert_int_equal(s->server.segment_bytes, 261984);
	assert_string_equal(s->redis.url, "redis://127.0.0.1:6379/0");
	assert_false(s->redis.allow_volatile);
	assert_int_equal(s->worker.lease_ms, 30000);
	assert_true(s->worker.max_area_loss == 0.5);
	assert_int_equal(s->worker.log_level, 1);
	assert_string_equal(s->courier.allow, "");
	assert_int_equal(s->source_count, 0);
	assert_null(settings_source(s, "acme"));
	settings_free(&s);
	assert_null(s);
	settings_free(&s);
}

#define PUBLIC "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="

static void everything(void **state)
{
	struct settings *s = parse(
	    "[server]\nlisten = [::1]:0 ; any port\nlog_level = debug\n"
	    "[redis]\nurl = unix:///run/redis.sock\nallow_volatile = yes\n"
	    "[worker]\nmax_area_loss = 1e-3\n"
	    "[courier]\nallow = 127.0.0.0/8, fd00::/8\n"
	    "[source zebra]\nsecret = stripes\nscheme = github\n"
	    "[source acme-2_x]\nsecret = whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\ntarget_crs = EPSG:3857\n"
	    "callback_url = https://acme.example/hooks?x=1\nmax_body_bytes = 1099511627776\nprecision = -1\n"
	    "RING_UNCLOSED = fix\nWINDING = warn\n");
	const struct source *acme = settings_source(s, "acme-2_x"), *zebra = settings_source(s, "zebra");

	(void)state;
	assert_string_equal(s->server.listen, "[::1]:0");
	assert_int_equal(s->server.log_level, 0);
	assert_string_equal(s->redis.url, "unix:///run/redis.sock");
	assert_true(s->redis.allow_volatile);
	assert_true(s->worker.max_area_loss == 1e-3);
	assert_int_equal(s->source_count, 2);
	assert_int_equal(acme->scheme, 1u << SCHEME_STANDARD_WEBHOOKS);
	assert_int_equal(zebra->scheme, 1u << SCHEME_GITHUB);
	assert_string_equal(zebra->target_crs, "OGC:CRS84");
	assert_int_equal(acme->max_body_bytes, 1099511627776);
	assert_int_equal(acme->precision, -1);
	assert_int_equal(acme->severity[R_RING_UNCLOSED], SEV_FIX);
	assert_int_equal(acme->severity[R_WINDING], SEV_WARN);
	assert_int_equal(zebra->severity[R_WINDING], SEV_FIX);
	for (int code = 1; code < R_COUNT; code++)
		assert_int_equal(zebra->severity[code], reject_info((enum reject_code)code)->severity);
	assert_null(settings_source(s, "acme"));
	settings_free(&s);
}

/* Each is refused with its line, and with these words. */
static void refusals(void **state)
{
	static const struct { const char *text; int line; const char *words[4]; } cases[] = {
		{ "[server]\nthreads = 257\n", 2, { "threads", "257", "0 to 256" } },
		{ "[server]\nthreads = -1\n", 2, { "-1" } },
		{ "[server]\nthreads = +1\n", 2, { "+1" } },
		{ "[server]\nthreads = 0x1\n", 2, { "0x1" } },
		{ "[server]\nthreads = 1 2\n", 2, { "1 2" } },
		{ "[server]\nthreads =\n", 2, { "threads" } },
		{ "[server]\nthreads = 99999999999999999999\n", 2, { "threads" } },
		{ "[server]\nthreads = 4k\n", 2, { "4k" } },
		{ "[server]\n\n\nport = 1\n", 4, { "[server]", "port" } },
		{ "[server]\nlease_ms = 1000\n", 2, { "lease_ms" } },
		{ "[server]\nlisten = 8080\n", 2, { "8080", "address:port" } },
		{ "[server]\nlisten = ::1:8080\n", 2, { "::1:8080" } },
		{ "[server]\nlisten = 127.0.0.1:65536\n", 2, { "65536" } },
		{ "[server]\nlisten = 127.0.0.1:\n", 2, { "listen" } },
		{ "[server]\nlog_level = loud\n", 2, { "loud", "debug info warn error" } },
		{ "[server]\nthreads = 1\nthreads = 1\n", 3, { "threads", "line 2" } },
		{ "[redis]\nurl = http://x\n", 2, { "http://x", "redis://" } },
		{ "[redis]\nallow_volatile = true\n", 2, { "true", "yes or no" } },
		{ "[worker]\nmax_area_loss = 1.5\n", 2, { "1.5", "0 to 1" } },
		{ "[worker]\nmax_area_loss = nan\n", 2, { "nan" } },
		{ "[worker]\nmax_area_loss = inf\n", 2, { "inf" } },
		{ "[worker]\nmax_area_loss = 0x1p-1\n", 2, { "0x1p-1" } },
		{ "[worker]\nmax_area_loss =\n", 2, { "max_area_loss" } },
		{ "[courier]\nallow = 10.0.0.0/8, ten\n", 2, { "ten", "CIDR" } },
		{ "[courier]\nbackoff_min_ms = 2\nbackoff_max_ms = 1\n", 0, { "backoff_min_ms", "backoff_max_ms" } },
		{ "[worker]\nlease_ms = 600\nfeature_timeout_ms = 600\n", 0, { "feature_timeout_ms", "600", "lease_ms" } },
		{ "[worker]\nfeature_timeout_ms = 30000\n", 0, { "feature_timeout_ms", "30000" } },
		{ "[worker]\nmemory_bytes = 67108863\n", 0, { "memory_bytes", "67108863", "67108864" } },
		{ "[sever]\nthreads = 1\n", 2, { "[sever]", "[source NAME]" } },
		{ "threads = 1\n", 1, { "[]" } },
		{ "[source]\nsecret = s\n", 2, { "[source]" } },
		{ "[source ACME]\nsecret = s\n", 2, { "ACME" } },
		{ "[source -a]\nsecret = s\n", 2, { "-a" } },
		{ "[source a b]\nsecret = s\n", 2, { "a b" } },
		{ "[source aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\nsecret = s\n", 2, { "40" } },
		{ "[source a]\nscheme = github\n", 0, { "source a", "secret" } },
		{ "[source a]\nsecret =\n", 0, { "source a", "secret" } },
		{ "[source a]\nsecret = whsec_\n", 2, { "whsec_ and base64" } },
		{ "[source a]\nsecret = whsec_abc\n", 2, { "whsec_ and base64" } },
		{ "[source a]\nsecret = s\ncallback_secret = whsec_*\n", 3, { "callback_secret" } },
		{ "[source a]\nsecret = s\nsecret_file = /nonexistent\n", 3, { "line 2" } },
		{ "[source a]\nsecret_file = /nonexistent/file\n", 2, { "/nonexistent/file", "No such file" } },
		{ "[source a]\nscheme_file = /dev/null\n", 2, { "scheme_file" } },
		{ "[source a]\nsecret = s\nscheme = none\n", 3, { "none", "github" } },
		{ "[source a]\nsecret = s\nscheme =\n", 3, { "scheme", "github" } },
		{ "[source a]\nsecret = s\nscheme = github, none\n", 3, { "none", "some of" } },
		{ "[source a]\nsecret = whpk_AAAA\n", 2, { "whpk_" } },
		{ "[source a]\nsecret = whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 2, { "whpk_" } },
		{ "[source a]\nsecret = whsk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=\n", 2, { "whpk_" } },
		{ "[source a]\nsecret = " PUBLIC "\nscheme = github\n", 0, { "source a", "shared secret" } },
		{ "[source a]\nsecret = " PUBLIC "\ncallback_url = http://x/\n", 0, { "source a", "callback_secret" } },
		{ "[source a]\nsecret = s\ncallback_secret = " PUBLIC "\n", 3, { "callback_secret" } },
		{ "[source a]\nsecret = s\nsecret = t\n", 3, { "secret", "line 2" } },
		{ "[source a]\nsecret = s\nsecret_5 = t\n", 3, { "secret_5" } },
		{ "[source a]\nsecret_id = s\n", 0, { "source a", "no secret" } },
		{ "[source a]\nsecret = s\nsecret_not_before = tomorrow\n", 3, { "tomorrow", "YYYY-MM-DD" } },
		{ "[source a]\nsecret = s\nsecret_not_before = 2026-02-30\n", 3, { "2026-02-30" } },
		{ "[source a]\nsecret = s\nsecret_not_before = 2026-02-03T24:00:00Z\n", 3, { "T24" } },
		{ "[source a]\nsecret = s\nsecret_not_before = 2026-02-03T04:05:06\n", 3, { "05:06" } },
		{ "[source a]\nsecret = s\nsecret_not_before = 2026-02-03\nsecret_not_after = 2026-02-03\n", 0,
		    { "ends before it begins" } },
		{ "[source a]\nsecret = s\nsignature_header = x y\n", 3, { "signature_header" } },
		{ "[source a]\nsecret = s\nsignature_header =\n", 3, { "signature_header" } },
		{ "[source a]\nsecret = s\ndelivery_header = x:\n", 3, { "delivery_header" } },
		{ "[source a]\nsecret = s\ncallback_url = ftp://x\n", 3, { "ftp://x" } },
		{ "[source a]\nsecret = s\ncallback_url = http://\n", 3, { "http://" } },
		{ "[source a]\nsecret = s\ncallback_url = http:///path\n", 3, { "http:///path" } },
		{ "[source a]\nsecret = s\ncallback_url = http://a b\n", 3, { "a b" } },
		{ "[source a]\nsecret = s\nNO_SUCH_CODE = fix\n", 3, { "NO_SUCH_CODE" } },
		{ "[source a]\nsecret = s\nring_unclosed = fix\n", 3, { "ring_unclosed" } },
		{ "[source a]\nsecret = s\nJSON_SYNTAX = warn\n", 3, { "JSON_SYNTAX", "warn", "reject" } },
		{ "[source a]\nsecret = s\nJSON_SURROGATE = fix\n", 3, { "reject", "warn" } },
		{ "[source a]\nsecret = s\nWINDING = ignore\n", 3, { "ignore" } },
		{ "[source a]\nsecret = s\nWINDING = fix\nWINDING = fix\n", 4, { "line 3" } },
		{ "[server]\nthreads = 1\nnonsense\n", 3, { "neither" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		struct settings *s = settings_parse(cases[i].text, strlen(cases[i].text), &e);
		char place[32];

		if (s != NULL)
			fail_msg("taken: %s", cases[i].text);
		assert_int_equal(e.cls, ERR_INPUT);
		snprintf(place, sizeof(place), "settings:%d: ", cases[i].line);
		if (cases[i].line > 0 && strncmp(e.text, place, strlen(place)) != 0)
			fail_msg("expected %s, said %s", place, e.text);
		for (int w = 0; cases[i].words[w] != NULL; w++)
			if (strstr(e.text, cases[i].words[w]) == NULL)
				fail_msg("expected \"%s\", said %s", cases[i].words[w], e.text);
	}
}

static void secrets_are_not_told(void **state)
{
	static const char *const cases[] = {
		"[source a]\nsecret = whsec_hush!\n", "[redis]\nurl = rediss://me:hush@host/x\n",
		"[source a]\nsecret = s\ncallback_url = ftp://me:hush@host\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;

		assert_null(settings_parse(cases[i], strlen(cases[i]), &e));
		if (strstr(e.text, "hush") != NULL)
			fail_msg("%s", e.text);
	}
}

static void secret_files(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "key\n", "key" }, { "key", "key" }, { "key\r\n", "key" }, { " key \n", " key " },
		{ "", NULL }, { "\n", NULL }, { "two\nlines\n", NULL }, { "whsec_no!\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		struct settings *s;
		char text[256];

		snprintf(text, sizeof(text), "[source a]\nsecret_file = %s\n", put("secret", cases[i].text));
		s = settings_parse(text, strlen(text), &e);
		if ((s != NULL) != (cases[i].want != NULL))
			fail_msg("case %zu: %s", i, e.text);
		if (s != NULL)
			assert_string_equal(s->sources[0].secret, cases[i].want);
		settings_free(&s);
	}
}

static void several_secrets(void **state)
{
	struct settings *s = parse("[source a]\nscheme = generic, github standard-webhooks\n"
	    "secret = one\nsecret_id = k1\nsecret_not_after = 2026-11-01\n"
	    "secret_2 = " PUBLIC "\nsecret_2_id = k2\nsecret_4 = four\nsecret_4_not_before = 2026-10-31T23:59:58Z\n");
	const struct source *a = settings_source(s, "a");
	const struct source_secret one = source_secret(a, 0), two = source_secret(a, 1), three = source_secret(a, 2),
	    four = source_secret(a, 3);
	unsigned char key[32];

	(void)state;
	assert_int_equal(a->scheme, 1u << SCHEME_GENERIC | 1u << SCHEME_GITHUB | 1u << SCHEME_STANDARD_WEBHOOKS);
	assert_string_equal(one.id, "k1");
	assert_int_equal(one.not_after, 1793491200);
	assert_int_equal(four.not_before, 1793491198);
	assert_string_equal(two.text, PUBLIC);
	assert_string_equal(three.text, "");
	assert_false(source_secret_live(&three, 1793491199));
	assert_true(source_secret_live(&one, 1793491199) && !source_secret_live(&one, 1793491200));
	assert_true(source_secret_live(&four, 1793491198) && !source_secret_live(&four, 1793491197));
	assert_true(source_secret_live(&two, 0));
	assert_true(settings_secret_is_public(two.text) && !settings_secret_is_public(one.text));
	assert_int_equal(settings_public_key(two.text, key), 0);
	assert_int_equal(key[0], 0xd5);
	assert_string_equal(source_callback_secret(a, 1793491199), "one");
	assert_string_equal(source_callback_secret(a, 1793491200), "four");
	settings_free(&s);
	s = parse("[source a]\nsecret = " PUBLIC "\nsecret_2 = late\nsecret_2_not_after = 2020-01-01\n");
	assert_string_equal(source_callback_secret(s->sources, 1793491200), "late");
	settings_free(&s);
}

static void secret_keys(void **state)
{
	unsigned char key[64];

	(void)state;
	assert_int_equal(settings_secret_key("open sesame", key), 11);
	assert_memory_equal(key, "open sesame", 11);
	assert_int_equal(settings_secret_key("whsec_YW5vdGhlciBrZXk=", key), 11);
	assert_memory_equal(key, "another key", 11);
	assert_int_equal(settings_secret_key("whsec_YW5vdGhlciBrZXk", key), -1);
}

static void environment(void **state)
{
	static const char *const names[] = {
		"GEOSLUICE_LISTEN", "GEOSLUICE_REDIS", "GEOSLUICE_WORKER_LEASE_MS", "GEOSLUICE_SERVER_LISTEN",
		"GEOSLUICE_SOURCE_MY_SOURCE_SECRET", "GEOSLUICE_SOURCE_MY_SOURCE_RING_UNCLOSED",
		"GEOSLUICE_SOURCE_NEW_ONE_SECRET_FILE", "GEOSLUICE_SOURCE_NEW_ONE_CALLBACK_SECRET",
		"GEOSLUICE_SOURCE_X_CALLBACK_SECRET",
	};
	const char *path = put("a.ini", "[server]\nlisten = 127.0.0.1:1\n[worker]\nlease_ms = 600\nfeature_timeout_ms = 100\n"
	    "[source my-source]\nsecret = of the file\n[source x_callback]\nscheme = github\n");
	struct err e = ERR_INIT;
	struct settings *s;

	(void)state;
	setenv("GEOSLUICE_LISTEN", "0.0.0.0:2", 1);
	setenv("GEOSLUICE_REDIS", "unix:///r", 1);
	setenv("GEOSLUICE_WORKER_LEASE_MS", "700", 1);
	setenv("GEOSLUICE_SERVER_LISTEN", "tcp://10.0.0.1", 1);	/* as some systems set for a service */
	setenv("GEOSLUICE_SOURCE_MY_SOURCE_SECRET", "of the environment", 1);
	setenv("GEOSLUICE_SOURCE_MY_SOURCE_RING_UNCLOSED", "fix", 1);
	setenv("GEOSLUICE_SOURCE_NEW_ONE_SECRET_FILE", put("secret", "of a file\n"), 1);
	setenv("GEOSLUICE_SOURCE_NEW_ONE_CALLBACK_SECRET", "c", 1);
	setenv("GEOSLUICE_SOURCE_X_CALLBACK_SECRET", "x", 1);	/* the file's x_callback, not a callback of x */
	if ((s = settings_load(path, &e)) == NULL)
		fail_msg("%s", e.text);
	assert_string_equal(s->server.listen, "0.0.0.0:2");
	assert_string_equal(s->redis.url, "unix:///r");
	assert_int_equal(s->worker.lease_ms, 700);
	assert_int_equal(s->source_count, 3);
	assert_string_equal(settings_source(s, "my-source")->secret, "of the environment");
	assert_int_equal(settings_source(s, "my-source")->severity[R_RING_UNCLOSED], SEV_FIX);
	assert_string_equal(settings_source(s, "new_one")->secret, "of a file");
	assert_string_equal(settings_source(s, "new_one")->callback_secret, "c");
	assert_string_equal(settings_source(s, "x_callback")->secret, "x");
	settings_free(&s);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

static void environment_refused(void **state)
{
	static const struct { const char *name, *value, *word; } cases[] = {
		{ "GEOSLUICE_WORKER_LEASE_MS", "soon", "500" }, { "GEOSLUICE_LISTEN", "nowhere", "address:port" },
		{ "GEOSLUICE_SOURCE_A_SCRET", "s", "no such setting" },
		{ "GEOSLUICE_SOURCE_A_SCHEME", "github", "secret" },
		{ "GEOSLUICE_SOURCE__SECRET", "s", "no such" }, { "GEOSLUICE_SOURCE_A_WINDING", "loud", "fix" },
		{ "GEOSLUICE_SOURCE_A.B_SECRET", "s", "a source's name" },
		{ "GEOSLUICE_SOURCE_A_SECRET", "", "no secret" },
		{ "GEOSLUICE_SOURCE_A_SECRET_FILE", "/nonexistent", "/nonexistent" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;

		setenv(cases[i].name, cases[i].value, 1);
		if (settings_load(NULL, &e) != NULL)
			fail_msg("taken: %s=%s", cases[i].name, cases[i].value);
		if (strstr(e.text, cases[i].word) == NULL || strstr(e.text, "nvironment") == NULL)
			fail_msg("%s: %s", cases[i].name, e.text);
		unsetenv(cases[i].name);
	}
}

static void files(void **state)
{
	const char *path = put("b.ini", "[server]\nthreads = 300\n");
	struct err e = ERR_INIT;

	(void)state;
	assert_null(settings_load(path, &e));
	assert_true(strncmp(e.text, path, strlen(path)) == 0);
	assert_non_null(strstr(e.text, "b.ini:2: "));
	err_clear(&e);
	assert_null(settings_load("/nonexistent.ini", &e));
	assert_non_null(strstr(e.text, "/nonexistent.ini"));
	err_clear(&e);
	assert_null(settings_load(dir, &e));
}

/* Each setting is told with its default, in both forms. */
static void printed(void **state)
{
	static const char *const words[] = {
#define SETTING(section, name, kind, fallback, low, high, unit, help) #name, help,
#define SOURCE_SETTING(name, kind, fallback, low, high, unit, help) #name, help,
#include "schema/limits.def"
	};
	char *text = NULL;
	size_t n;

	(void)state;
	for (int markdown = 0; markdown < 2; markdown++) {
		FILE *f = open_memstream(&text, &n);

		settings_print(f, markdown == 1);
		fclose(f);
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strstr(text, words[i]) == NULL)
				fail_msg("missing: %s", words[i]);
		free(text);
	}
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "secret", "a.ini", "b.ini" };
	char path[96];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(refusals),
		cmocka_unit_test(secrets_are_not_told),
		cmocka_unit_test(secret_files),
		cmocka_unit_test(several_secrets),
		cmocka_unit_test(secret_keys),
		cmocka_unit_test(environment),
		cmocka_unit_test(environment_refused),
		cmocka_unit_test(files),
		cmocka_unit_test(printed),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
