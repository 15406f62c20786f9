/* flight_recorder, suspects, recycling: what is said of a death, and when a process makes way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "workers/flight_recorder.h"
#include "workers/pipeline/pipeline.h"
#include "workers/recycling.h"
#include "workers/suspects.h"

#define JOB "0-01arz3ndektsv4rrffq69g5fav"
#define MB ((uint64_t)1 << 20)
#define EXITED(status) ((status) << 8)

static struct flight *flying(uint32_t stage, uint64_t since_ms)
{
	struct err e = ERR_INIT;
	struct flight *f = flights_new(1, &e);

	assert_non_null(f);
	flight_limits(f, 1000, 100 * MB);
	flight_begin(f, JOB);
	f->place.feature = 12;
	f->place.stage = stage;
	f->place.since_ms = since_ms;
	return f;
}

static void a_death_is_put_down_to_what_it_was(void **state)
{
	static const struct {
		uint32_t stage;
		struct death death;
		bool no_memory;
		enum reject_code code;	/* R_NONE: nobody's fault */
		bool undecoded;
	} cases[] = {
		{ AT_TOPOLOGY, { SIGSEGV, 1, false, false, 10 * MB }, false, R_FEATURE_CRASH, false },
		{ AT_REPROJECT, { SIGABRT, 1, false, true, 10 * MB }, false, R_FEATURE_CRASH, false },
		{ AT_DECODE, { SIGBUS, 1, false, false, 10 * MB }, false, R_FEATURE_CRASH, true },
		{ AT_TOPOLOGY, { SIGKILL, 1, true, false, 10 * MB }, false, R_FEATURE_TIMEOUT, false },
		{ AT_TOPOLOGY, { SIGKILL, 1, false, false, 10 * MB }, false, R_FEATURE_CRASH, false },
		{ AT_DECODE, { SIGKILL, 1, false, false, 10 * MB }, false, R_NONE, false },
		{ AT_DECODE, { SIGKILL, 1, true, false, 10 * MB }, false, R_FEATURE_TIMEOUT, true },
		{ AT_TOPOLOGY, { SIGKILL, 1, false, true, 10 * MB }, false, R_FEATURE_MEMORY, false },
		{ AT_TOPOLOGY, { SIGABRT, 1, false, false, 85 * MB }, false, R_FEATURE_MEMORY, false },
		{ AT_DECODE, { EXITED(1), 1, false, false, 10 * MB }, true, R_FEATURE_MEMORY, true },
		{ AT_TOPOLOGY, { EXITED(1), 1, false, false, 10 * MB }, false, R_NONE, false },
		{ AT_TOPOLOGY, { SIGALRM, 1, false, false, 10 * MB }, false, R_NONE, false },
		{ AT_TOPOLOGY, { SIGTERM, 1, false, false, 10 * MB }, false, R_NONE, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flight *f = flying(cases[i].stage, 5);
		const struct obituary *o;

		f->no_memory = cases[i].no_memory;
		assert_int_equal(flight_conclude(f, &cases[i].death), cases[i].code != R_NONE);
		o = flight_obituary(f);
		assert_int_equal(o != NULL, cases[i].code != R_NONE);
		if (o == NULL)
			continue;
		assert_int_equal(o->code, cases[i].code);
		assert_int_equal(o->undecoded, cases[i].undecoded);
		assert_int_equal(o->feature, 12);
		assert_string_equal(o->job, JOB);
		flight_forget(f);
		assert_null(flight_obituary(f));
	}
}

static void between_features_nobody_is_suspected(void **state)
{
	struct death d = { SIGSEGV, 1, false, false, 0 };
	struct flight *f = flying(AT_DECODE, 0);

	(void)state;
	assert_false(flight_conclude(f, &d));
	f->place.since_ms = 7;	/* a feature, but of no job any more */
	assert_false(flight_conclude(f, &d));
}

static void a_feature_is_overdue_behind_its_limit(void **state)
{
	struct flight *f = flying(AT_TOPOLOGY, 5000);
	uint64_t look = 1000000;

	(void)state;
	assert_false(flight_overdue(f, 5999, &look));
	assert_int_equal(look, 6000);
	assert_true(flight_overdue(f, 6000, &look));
	f->place.since_ms = 0;
	look = 1000000;
	assert_false(flight_overdue(f, 9000, &look));
	assert_int_equal(look, 10000);
	f->limit_ms = 0;
	f->place.since_ms = 1;
	assert_false(flight_overdue(f, 1000000000, &look));
}

static void the_line_about_a_feature_is_found(void **state)
{
	static const char lines[] = "3 1 ab-1 FEATURE_CRASH work signal 11 (Segmentation fault) in stage topology\n"
	    "7 1 tried FEATURE_TIMEOUT work no end\n"
	    "9 2 ab-2 FEATURE_MEMORY decode no memory left";
	struct suspect s;

	(void)state;
	assert_true(suspects_find(lines, 3, &s));
	assert_string_equal(s.reason, "signal 11 (Segmentation fault) in stage topology");
	assert_int_equal(s.code, R_FEATURE_CRASH);
	assert_true(suspects_find(lines, 7, &s));
	assert_true(s.tried && s.deaths == 1 && !s.undecoded);
	assert_false(suspects_find(lines, 4, &s));
	assert_false(suspects_find(NULL, 3, &s));
	assert_false(suspects_find("", 3, &s));
	assert_false(suspects_find("nonsense", 3, &s));
	assert_true(suspects_untried(lines, 0, UINT64_MAX, &s) && s.feature == 3);
	assert_false(suspects_untried(lines, 4, UINT64_MAX, &s));
	assert_false(suspects_untried(lines, 0, 3, &s));
	assert_true(suspects_undecodable(lines, 0, UINT64_MAX, &s) && s.feature == 9 && s.code == R_FEATURE_MEMORY);
	assert_false(suspects_undecodable("3 2 ab FEATURE_CRASH work x", 0, UINT64_MAX, &s));
	assert_false(suspects_unreadable(lines, 0, UINT64_MAX, &s));
	assert_true(suspects_unreadable("3 4 ab FEATURE_CRASH decode x", 0, UINT64_MAX, &s));
}

static void those_to_be_masked_come_in_their_order(void **state)
{
	static const char lines[] = "9 2 a FEATURE_CRASH decode x\n3 3 b FEATURE_CRASH decode x\n"
	    "4 1 c FEATURE_CRASH decode x\n12 2 d FEATURE_CRASH decode x";
	struct suspect s;

	(void)state;
	assert_true(suspects_undecodable(lines, 0, UINT64_MAX, &s) && s.feature == 3);
	assert_true(suspects_undecodable(lines, 4, UINT64_MAX, &s) && s.feature == 9);
	assert_true(suspects_undecodable(lines, 10, UINT64_MAX, &s) && s.feature == 12);
	assert_false(suspects_undecodable(lines, 10, 12, &s));
}

/* Samples per window and windows are recycling.c's own: what counts is that it says yes in the one case. */
static void only_a_steady_climb_is_growth(void **state)
{
	struct recycling grows, swings, creeps;
	bool grown = false, swung = false, crept = false;

	(void)state;
	recycling_init(&grows, 0);
	recycling_init(&swings, 0);
	recycling_init(&creeps, 0);
	for (uint64_t i = 0; i < 100000; i++) {
		grown |= recycling_grows(&grows, 30 * MB + i * 40000);
		swung |= recycling_grows(&swings, (30 + (i / 1000 % 2) * 500) * MB);
		crept |= recycling_grows(&creeps, 30 * MB + i * 100);
	}
	assert_true(grown);
	assert_false(swung);
	assert_false(crept);
	assert_false(recycling_full(&grows));	/* no limit */
	grows.limit_bytes = MB;
	assert_true(recycling_full(&grows));
	recycling_clear(&grows);
	recycling_clear(&swings);
	recycling_clear(&creeps);
}

#if !defined(__SANITIZE_ADDRESS__)	/* which asks the kernel for memory when it likes */
#define FEATURES "{\"type\":\"Feature\",\"properties\":null,\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]}}," \
	"{\"type\":\"Feature\",\"properties\":{\"a\":1},\"geometry\":" \
	"{\"type\":\"LineString\",\"coordinates\":[[0,0],[1,1]]}},"

static int on_verdict(void *ctx, const struct verdict *v, struct err *err)
{
	(void)v;
	(void)err;
	++*(unsigned *)ctx;
	return 0;
}

/* All but exit, and the clock of a thread's CPU time: the stages ask for it, once in a millisecond (clock.h). The strict
 * mode of the kernel would forbid to read any clock, which otherwise is no system call. */
static int forbid_system_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLOCK_THREAD_CPUTIME_ID, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

/* Behind the first features the kernel ends this process for any system call. */
static void fly_without_system_calls(void)
{
	struct pipeline_options o;
	struct err err = ERR_INIT;
	struct flight *f = flights_new(1, &err);
	unsigned verdicts = 0;
	struct pipeline *p;
	int rc;

	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	pipeline_options_init(&o);
	o.place = &f->place;
	p = pipeline_new(&o, on_verdict, &verdicts, &err);
	rc = pipeline_feed(p, "{\"type\":\"FeatureCollection\",\"features\":[", 40, &err);
	for (int i = 0; i < 2000 && rc == 0; i++) {
		if (i == 1000 && forbid_system_calls() != 0)
			_exit(2);
		flight_begin(f, JOB);
		rc = pipeline_feed(p, FEATURES, strlen(FEATURES), &err);
		flight_end(f);
	}
	syscall(SYS_exit, rc == 0 && verdicts >= 3999 && f->place.feature >= 3999 ? 0 : 1);
}

static void noting_costs_no_system_call(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		fly_without_system_calls();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_death_is_put_down_to_what_it_was),
		cmocka_unit_test(between_features_nobody_is_suspected),
		cmocka_unit_test(a_feature_is_overdue_behind_its_limit),
		cmocka_unit_test(the_line_about_a_feature_is_found),
		cmocka_unit_test(those_to_be_masked_come_in_their_order),
		cmocka_unit_test(only_a_steady_climb_is_growth),
#if !defined(__SANITIZE_ADDRESS__)
		cmocka_unit_test(noting_costs_no_system_call),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
