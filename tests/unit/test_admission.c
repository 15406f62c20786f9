/* admission: what is decided before the body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <strings.h>

#include "server/admission.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define GOOD "X-Hub-Signature-256", "sha256=" HEX
#define JSON "Content-Type", "application/geo+json"

static struct settings *settings;
static struct keyring keys;

static const char *header(void *ctx, const char *name)
{
	for (const char *const *h = ctx; *h != NULL; h += 2)
		if (strcasecmp(*h, name) == 0)
			return h[1];
	return NULL;
}

static int setup(void **state)
{
	static const char text[] = "[server]\nmax_uploads = 3\nmax_unproven_per_address = 2\n[source acme]\nscheme = github\nsecret = s\n"
	    "max_body_bytes = 1000\n";
	struct err e = ERR_INIT;

	(void)state;
	settings = settings_parse(text, sizeof(text) - 1, &e);
	return settings == NULL ? -1 : keyring_init(&keys, settings->sources, &e);
}

static int teardown(void **state)
{
	(void)state;
	keyring_clear(&keys);
	settings_free(&settings);
	return 0;
}

static struct admission_request request(const char *const *headers)
{
	return (struct admission_request){
		.header = header, .ctx = (void *)(uintptr_t)headers, .declared = 10,
		.method = "POST", .path = "/v1/ingest/acme", .query = "",
	};
}

static void headers_are_judged(void **state)
{
	static const struct {
		const char *headers[9];
		enum problem want;
		const char *type;
	} cases[] = {
		{ { JSON, GOOD, NULL }, P_NONE, "application/geo+json" },
		{ { "Content-Type", "APPLICATION/JSON; charset=utf-8", GOOD, NULL }, P_NONE, "application/json" },
		{ { "Content-Type", "application/geo+json-seq", GOOD, NULL }, P_NONE, "application/geo+json-seq" },
		{ { "Content-Type", "application/x-ndjson ;x=y", GOOD, NULL }, P_NONE, "application/x-ndjson" },
		{ { "Content-Type", "application/vnd.geo+json", GOOD, NULL }, P_NONE, "application/vnd.geo+json" },
		{ { GOOD, NULL }, P_CONTENT_TYPE, NULL },
		{ { "Content-Type", "", GOOD, NULL }, P_CONTENT_TYPE, NULL },
		{ { "Content-Type", "application/geo", GOOD, NULL }, P_CONTENT_TYPE, NULL },
		{ { "Content-Type", "application/geo+jsonx", GOOD, NULL }, P_CONTENT_TYPE, NULL },
		{ { "Content-Type", "text/plain", GOOD, NULL }, P_CONTENT_TYPE, NULL },
		{ { JSON, "Content-Encoding", "br", GOOD, NULL }, P_CONTENT_ENCODING, NULL },
		{ { JSON, "Content-Encoding", "gzip, gzip", GOOD, NULL }, P_CONTENT_ENCODING, NULL },
		{ { JSON, "Content-Encoding", "", GOOD, NULL }, P_CONTENT_ENCODING, NULL },
		{ { JSON, "Content-Encoding", " GZip\t", GOOD, NULL }, P_NONE, "application/geo+json" },
		{ { JSON, "Content-Encoding", "deflate", GOOD, NULL }, P_NONE, "application/geo+json" },
		{ { JSON, "Content-Encoding", "zstd", GOOD, NULL }, P_NONE, "application/geo+json" },
		{ { JSON, "Content-Encoding", "Identity", GOOD, NULL }, P_NONE, "application/geo+json" },
		{ { JSON, "Content-Crs", "", GOOD, NULL }, P_CRS_MALFORMED, NULL },
		{ { JSON, "Content-Crs", "a\tb", GOOD, NULL }, P_CRS_MALFORMED, NULL },
		{ { JSON, NULL }, P_SIGNATURE_MISSING, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct refusal why = { .problem = P_NONE };
		struct admission_request q = request(cases[i].headers);
		struct admission a;

		admission_check(&a, &q, settings, &settings->sources[0], &keys, &why);
		if (why.problem != cases[i].want)
			fail_msg("case %zu: %s: %s", i, problem_code(why.problem), why.detail);
		if (why.problem == P_NONE)
			assert_string_equal(a.type, cases[i].type);
	}
}

static void state_is_judged(void **state)
{
	static const char *headers[] = { JSON, GOOD, NULL };
	static const struct {
		int64_t declared;
		bool known, store_up, stopping, large;
		unsigned uploads, unproven;
		enum problem want;
	} cases[] = {
		{ -1, true, true, false, true, 0, 0, P_NONE },
		{ 1000, true, true, false, true, 2, 1, P_NONE },
		{ 0, true, true, false, false, 0, 0, P_BODY_EMPTY },
		{ 1001, true, true, false, true, 0, 0, P_BODY_TOO_LARGE },
		{ INT64_MAX, true, true, false, true, 0, 0, P_BODY_TOO_LARGE },
		{ 10, false, true, false, false, 0, 0, P_SOURCE_UNKNOWN },
		{ 10, true, false, false, false, 0, 0, P_STORE_UNAVAILABLE },
		{ 10, true, true, true, true, 0, 0, P_STOPPING },
		{ 10, true, true, true, false, 0, 0, P_NONE },
		{ 10, true, true, false, true, 3, 0, P_UPLOADS_FULL },
		{ 10, true, true, false, false, 3, 2, P_NONE },
		{ 10, true, true, false, true, 2, 2, P_UPLOADS_UNPROVEN },
		{ 10, true, true, false, true, 3, 2, P_UPLOADS_UNPROVEN },	/* a place would not help */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct refusal why = { .problem = P_NONE };
		struct admission_request q = request(headers);
		struct admission a;

		q.declared = cases[i].declared;
		q.store_why = cases[i].store_up ? NULL : "Redis cannot be reached.";
		q.stopping = cases[i].stopping;
		q.uploads = cases[i].uploads;
		q.unproven = cases[i].unproven;
		q.large = cases[i].large;
		admission_check(&a, &q, settings, cases[i].known ? &settings->sources[0] : NULL, &keys, &why);
		assert_int_equal(why.problem, cases[i].want);
		assert_int_equal(why.retry_after_s > 0, problem_status(why.problem) == 503 || problem_status(why.problem) == 429);
	}
}

static void crs_comes_from_header_or_query(void **state)
{
	static const char *without[] = { JSON, GOOD, NULL };
	static const char *with[] = { JSON, GOOD, "Content-Crs", "EPSG:25832", NULL };
	struct refusal why = { .problem = P_NONE };
	struct admission_request q = request(without);
	struct admission a;
	char longest[CRS_NAME_MAX + 2];

	(void)state;
	assert_int_equal(admission_check(&a, &q, settings, &settings->sources[0], &keys, &why), 0);
	assert_null(a.crs);
	q.query_crs = "EPSG:3857";
	assert_int_equal(admission_check(&a, &q, settings, &settings->sources[0], &keys, &why), 0);
	assert_string_equal(a.crs, "EPSG:3857");
	q.ctx = with;
	assert_int_equal(admission_check(&a, &q, settings, &settings->sources[0], &keys, &why), 0);
	assert_string_equal(a.crs, "EPSG:25832");

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	q.ctx = without;
	q.query_crs = longest;
	assert_int_equal(admission_check(&a, &q, settings, &settings->sources[0], &keys, &why), -1);
	assert_int_equal(why.problem, P_CRS_MALFORMED);
}

static void only_a_whole_traceparent_is_carried(void **state)
{
	static const struct { const char *text; bool carried; } cases[] = {
		{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true },
		{ "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", false },
		{ "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false },
		{ "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true },
		{ "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes", true },
		{ "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *headers[] = { JSON, GOOD, "traceparent", cases[i].text, NULL };
		struct refusal why = { .problem = P_NONE };
		struct admission_request q = request(headers);
		struct admission a;

		assert_int_equal(admission_check(&a, &q, settings, &settings->sources[0], &keys, &why), 0);
		if (cases[i].carried)
			assert_string_equal(a.trace, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
		assert_int_equal(a.trace[0] != '\0', cases[i].carried);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_judged),
		cmocka_unit_test(state_is_judged),
		cmocka_unit_test(crs_comes_from_header_or_query),
		cmocka_unit_test(only_a_whole_traceparent_is_carried),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
