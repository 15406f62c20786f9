/* durability: the acknowledgement levels that a Redis reaches, and which one is no store at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "server/durability.h"

#define SOUND "maxmemory_policy:noeviction\r\nconnected_slaves:0\r\n"
#define TWO "maxmemory_policy:noeviction\r\nconnected_slaves:2\r\n"
#define V70 "redis_version:7.0.15\r\n"
#define V72 "redis_version:7.2.4\r\nvalkey_version:8.1.1\r\n"
#define V8 "redis_version:8.0.2\r\n"
#define MASTER "# x\r\nrole:master\r\n"
#define PLAIN "[source a]\nsecret = x\n"
#define SAFE PLAIN "[source b]\nsecret = x\nack = aof\n"
#define TWIN "[redis]\nack_replicas = 2\n" PLAIN "[source c]\nsecret = x\nack = replica\n"

static struct settings *set;

static int read_info(struct durability *d, const char *conf, const char *info, const char *fsync, bool running,
    struct err *e)
{
	settings_free(&set);
	set = settings_parse(conf, strlen(conf), e);
	assert_non_null(set);
	return durability_read(d, set, info, fsync, running, e);
}

static void levels_and_refusals(void **state)
{
	static const struct {
		const char *conf, *info, *fsync;
		bool running;
		int rc;
		enum err_class cls;
		enum ack base;
		bool aof, replica;
	} cases[] = {
		{ PLAIN, V70 MASTER "aof_enabled:1\r\n" SOUND, "everysec", false, 0, ERR_NONE, ACK_MEMORY, false, false },
		{ PLAIN, V70 MASTER "aof_enabled:1\r\n" SOUND, "always", false, 0, ERR_NONE, ACK_AOF, true, false },
		{ PLAIN, V70 MASTER "aof_enabled:1\r\n" SOUND, "", false, 0, ERR_NONE, ACK_MEMORY, false, false },
		{ PLAIN, V70 MASTER "aof_enabled:0\r\n" SOUND, "always", false, -1, ERR_INPUT, ACK_MEMORY, false, false },
		{ "[redis]\nallow_volatile = yes\n" PLAIN, V70 MASTER "aof_enabled:0\r\n" SOUND, "always", false, 0,
		    ERR_NONE, ACK_MEMORY, false, false },
		{ PLAIN, V70 "# x\r\nrole:slave\r\naof_enabled:1\r\n" SOUND, "always", false, -1, ERR_RETRY, ACK_AOF,
		    true, false },
		/* What a source asks for and can never have is refused at the start, not later. */
		{ SAFE, V70 MASTER "aof_enabled:1\r\n" SOUND, "everysec", false, -1, ERR_INPUT, ACK_MEMORY, false, false },
		{ SAFE, V70 MASTER "aof_enabled:1\r\n" SOUND, "everysec", true, 0, ERR_NONE, ACK_MEMORY, false, false },
		{ SAFE, V70 MASTER "aof_enabled:1\r\n" SOUND, "always", false, 0, ERR_NONE, ACK_AOF, true, false },
		{ SAFE, V72 MASTER "aof_enabled:1\r\n" SOUND, "everysec", false, 0, ERR_NONE, ACK_MEMORY, true, false },
		{ SAFE, V8 MASTER "aof_enabled:1\r\n" SOUND, "everysec", false, 0, ERR_NONE, ACK_MEMORY, true, false },
		{ SAFE, V8 MASTER "aof_enabled:1\r\n" SOUND, "no", false, -1, ERR_INPUT, ACK_MEMORY, false, false },
		{ SAFE, V8 MASTER "aof_enabled:0\r\n" TWO, "everysec", false, -1, ERR_INPUT, ACK_MEMORY, false, true },
		/* Replicas may come. */
		{ TWIN, V70 MASTER "aof_enabled:1\r\n" SOUND, "everysec", false, 0, ERR_NONE, ACK_MEMORY, false, false },
		{ TWIN, V70 MASTER "aof_enabled:1\r\n" TWO, "everysec", false, 0, ERR_NONE, ACK_MEMORY, false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		struct durability d;
		int rc = read_info(&d, cases[i].conf, cases[i].info, cases[i].fsync, cases[i].running, &e);

		if (rc != cases[i].rc || e.cls != cases[i].cls)
			fail_msg("case %zu: %d, %s", i, rc, e.text);
		assert_int_equal(durability_base(&d), cases[i].base);
		assert_int_equal(durability_can(&d, set, ACK_AOF), cases[i].aof);
		assert_int_equal(durability_can(&d, set, ACK_REPLICA), cases[i].replica);
		assert_true(durability_can(&d, set, ACK_MEMORY));
		assert_false(durability_waits(&d, ACK_MEMORY));
		assert_int_equal(durability_waits(&d, ACK_AOF), cases[i].base != ACK_AOF);
		assert_true(durability_waits(&d, ACK_REPLICA));
	}
	settings_free(&set);
}

/* What to do about it depends on what is known of it. */
static void a_level_that_cannot_be_had_says_why(void **state)
{
	static const struct {
		const char *fsync, *why;
	} cases[] = {
		{ "everysec", "(7.0.15): set its appendfsync to always, or take Redis 7.2 or later with everysec" },
		{ "", "(7.0.15): CONFIG GET appendfsync, which would tell, is refused" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		struct durability d;

		assert_int_equal(read_info(&d, SAFE, V70 MASTER "aof_enabled:1\r\n" SOUND, cases[i].fsync, false, &e), -1);
		assert_non_null(strchr(e.text, '('));
		assert_string_equal(strchr(e.text, '('), cases[i].why);
	}
	settings_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_and_refusals), cmocka_unit_test(a_level_that_cannot_be_had_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
