/* durability: the acknowledgement level that a Redis reaches, and which one is no store at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/durability.h"

#define SOUND "maxmemory_policy:noeviction\r\nconnected_slaves:0\r\n"

static void levels_and_refusals(void **state)
{
	static const struct {
		const char *info, *fsync;
		bool allow;
		int rc;
		enum err_class cls;
		const char *level;
	} cases[] = {
		{ "# x\r\nrole:master\r\naof_enabled:1\r\n" SOUND, "everysec", false, 0, ERR_NONE, "memory" },
		{ "# x\r\nrole:master\r\naof_enabled:1\r\n" SOUND, "always", false, 0, ERR_NONE, "aof" },
		{ "# x\r\nrole:master\r\naof_enabled:1\r\n" SOUND, "", false, 0, ERR_NONE, "memory" },
		{ "# x\r\nrole:master\r\naof_enabled:0\r\n" SOUND, "always", false, -1, ERR_INPUT, "memory" },
		{ "# x\r\nrole:master\r\naof_enabled:0\r\n" SOUND, "always", true, 0, ERR_NONE, "memory" },
		{ "# x\r\nrole:slave\r\naof_enabled:1\r\n" SOUND, "always", false, -1, ERR_RETRY, "aof" },
		{ "# x\r\nrole:slave\r\naof_enabled:1\r\n" SOUND, "always", true, -1, ERR_RETRY, "aof" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		const char *level;

		int rc = durability_check(cases[i].info, cases[i].fsync, cases[i].allow, &level, &e);

		assert_int_equal(rc, cases[i].rc);
		assert_int_equal(e.cls, cases[i].cls);
		assert_string_equal(level, cases[i].level);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(levels_and_refusals) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
