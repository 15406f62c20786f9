/* query: what an Accept header asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/query.h"

static const char *const types[] = { "application/geo+json", "application/json", "application/geo+json-seq" };

static void accept_is_weighed(void **state)
{
	static const struct { const char *accept; int want; } cases[] = {
		{ NULL, 0 },
		{ "", 0 },
		{ "*/*", 0 },
		{ "application/*", 0 },
		{ "application/geo+json-seq", 2 },
		{ "APPLICATION/JSON", 1 },
		{ "text/html, */*;q=0.1", 0 },
		{ "text/html", -1 },
		{ "text/*", -1 },
		{ "application/geo+json;q=0.5, application/geo+json-seq", 2 },
		{ "application/geo+json;q=0.5, application/geo+json-seq;q=0.4", 0 },
		{ "application/*, application/geo+json;q=0", 1 },
		{ "application/geo+json;q=0", -1 },
		{ "application/geo+json;q=0.0, application/json; q=0.001", 1 },
		{ "application/json;q=0.9,application/geo+json-seq ; v=1 ; q=1.0", 2 },
		{ "application/geo+jsonx", -1 },
		{ "application/geo", -1 },
		{ ",,;q=1,", -1 },
		{ "application/json;q", 1 },
		{ "application/json;q=", 1 },
		{ "application/json;", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (accept_choose(cases[i].accept, types, 3) != cases[i].want)
			fail_msg("case %zu: %s", i, cases[i].accept);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(accept_is_weighed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
