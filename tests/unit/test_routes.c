/* routes: path and method to handler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "server/handlers.h"
#include "server/routes.h"

static void paths_and_methods(void **state)
{
	static const struct { const char *method, *path; int route; const char *arg, *allow; } cases[] = {
		{ "POST", "/v1/ingest/acme", ROUTE_INGEST, "acme", "" },
		{ "GET", "/v1/ingest/acme", ROUTE_NONE, NULL, "POST" },
		{ "POST", "/v1/ingest/", ROUTE_NONE, NULL, "" },
		{ "POST", "/v1/ingest", ROUTE_NONE, NULL, "" },
		{ "POST", "/v1/ingest/a/b", ROUTE_NONE, NULL, "" },
		{ "GET", "/v1/jobs", ROUTE_JOBS, NULL, "" },
		{ "GET", "/v1/jobs/x", ROUTE_JOB, "x", "" },
		{ "DELETE", "/v1/jobs/x", ROUTE_JOB_DISMISS, "x", "" },
		{ "PUT", "/v1/jobs/x", ROUTE_NONE, NULL, "GET, HEAD, DELETE" },
		{ "GET", "/v1/jobs/x/results", ROUTE_RESULTS, "x", "" },
		{ "GET", "/v1/jobs/x/report", ROUTE_REPORT, "x", "" },
		{ "GET", "/v1/jobs/x/other", ROUTE_NONE, NULL, "" },
		{ "GET", "/v1/jobs//results", ROUTE_NONE, NULL, "" },
		{ "POST", "/v1/dead-letters/replay", ROUTE_LETTERS_REPLAY, NULL, "" },
		{ "POST", "/v1/dead-letters/0-1-1/replay", ROUTE_LETTER_REPLAY, "0-1-1", "" },
		{ "DELETE", "/v1/dead-letters/0-1-1", ROUTE_LETTER_DROP, "0-1-1", "" },
		{ "GET", "/healthz", ROUTE_HEALTH, NULL, "" },
		{ "GET", "/healthz/", ROUTE_NONE, NULL, "" },
		{ "GET", "", ROUTE_NONE, NULL, "" },
		{ "GET", "/", ROUTE_NONE, NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_request q = { .method = cases[i].method, .path = cases[i].path };
		struct refusal why = { .problem = P_NONE };
		char allow[64];
		int rc = routes_find(&q, &why, allow);

		if (q.route != cases[i].route || strcmp(allow, cases[i].allow) != 0)
			fail_msg("case %zu: route %d, allow %s", i, q.route, allow);
		assert_int_equal(rc, q.route == ROUTE_NONE ? -1 : 0);
		assert_int_equal(q.handler != NULL, rc == 0);
		if (cases[i].arg != NULL)
			assert_string_equal(q.arg, cases[i].arg);
		if (rc != 0)
			assert_int_equal(why.problem, *allow ? P_METHOD_NOT_ALLOWED : P_ROUTE_UNKNOWN);
	}
}

static void an_argument_has_its_limit(void **state)
{
	char path[256] = "/v1/jobs/";
	struct http_request q = { .method = "GET", .path = path };
	struct refusal why = { .problem = P_NONE };
	char allow[64];

	(void)state;
	memset(path + 9, 'x', HTTP_ARG_MAX - 1);
	assert_int_equal(routes_find(&q, &why, allow), 0);
	memset(path + 9, 'x', HTTP_ARG_MAX);
	assert_int_equal(routes_find(&q, &why, allow), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_and_methods),
		cmocka_unit_test(an_argument_has_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
