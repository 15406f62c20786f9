/* redis_check: which Redis is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>

#include "lib/redis_check.h"
#include "tests/fakes/private_redis.h"

static void verdicts_by_info(void **state)
{
	static const struct {
		const char *loading, *aof, *policy, *replicas;
		bool allow;
		enum err_class cls;
	} cases[] = {
		{ "0", "1", "noeviction", "0", false, ERR_NONE },
		{ "0", "0", "noeviction", "1", false, ERR_NONE },
		{ "0", "0", "noeviction", "0", false, ERR_INPUT },
		{ "0", "1", "allkeys-lru", "1", false, ERR_INPUT },
		{ "0", "1", "volatile-ttl", "1", false, ERR_INPUT },
		{ "0", "0", "allkeys-lru", "0", true, ERR_NONE },
		{ "1", "1", "noeviction", "0", false, ERR_RETRY },
		{ "1", "0", "allkeys-lru", "0", true, ERR_RETRY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		char info[256];
		int rc;

		snprintf(info, sizeof(info), "# Persistence\r\nasync_loading:1\r\nloading:%s\r\naof_enabled:%s\r\n"
		    "maxmemory_policy:%s\r\nconnected_slaves:%s\r\n",
		    cases[i].loading, cases[i].aof, cases[i].policy, cases[i].replicas);
		rc = redis_check_info(info, cases[i].allow, &e);
		assert_int_equal(rc, cases[i].cls == ERR_NONE ? 0 : -1);
		assert_int_equal(e.cls, cases[i].cls);
	}
}

static void a_real_redis_is_asked(void **state)
{
	struct private_redis server;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	for (int aof = 0; aof < 2; aof++) {
		struct err e = ERR_INIT;
		struct redis *r;

		assert_int_equal(private_redis_start(&server, aof ? "yes" : "no"), 0);
		r = redis_open(server.url, 5000, &e);
		assert_int_equal(redis_check(r, false, &e), aof ? 0 : -1);
		err_clear(&e);
		assert_int_equal(redis_check(r, true, &e), 0);
		private_redis_stop(&server);
		assert_int_equal(redis_check(r, true, &e), -1);
		assert_int_equal(e.cls, ERR_RETRY);
		redis_close(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_by_info),
		cmocka_unit_test(a_real_redis_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
