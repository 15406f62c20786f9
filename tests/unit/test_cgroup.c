/* cgroup: the least limit of the group and those above it, of both versions, in made-up files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "workers/memory_limit.h"

static const struct {
	const char *self;
	const char *files[6];	/* path below /sys/fs/cgroup, what it holds, … */
	uint64_t want;
} cases[] = {
	{ "0::/a/b\n", { "/a/b/memory.max", "268435456\n" }, 268435456 },
	{ "0::/a/b\n", { "/a/b/memory.max", "max\n", "/a/memory.max", "1000000000\n" }, 1000000000 },
	{ "0::/a/b\n", { "/a/b/memory.max", "2000\n", "/a/memory.max", "1000\n", "/memory.max", "max\n" }, 1000 },
	{ "0::/a/b\n", { "/a/b/memory.max", "max\n" }, 0 },
	{ "0::/\n", { "/memory.max", "5000\n" }, 5000 },
	{ "0::/docker/17\n", { "/memory.max", "5000\n" }, 5000 },	/* a container without a namespace of its own */
	{ "4:memory:/x\n2:cpu:/y\n0::/\n", { "/memory/x/memory.limit_in_bytes", "7000\n" }, 7000 },
	{ "4:cpu,memory:/x\n", { "/memory/x/memory.limit_in_bytes", "9223372036854771712\n",
		"/memory/memory.limit_in_bytes", "9000\n" }, 9000 },
	{ "4:memory:/x\n", { "/memory/x/memory.limit_in_bytes", "9223372036854771712\n" }, 0 },
	{ "3:memoryless:/x\n", { "/memory/x/memory.limit_in_bytes", "9000\n" }, 0 },
	{ "0::/a\n", { "/a/memory.max", "rubbish\n" }, 0 },
	{ "0::/a\n", { NULL }, 0 },
	{ "nonsense\n\n0:", { NULL }, 0 },
	{ NULL, { NULL }, 0 },
};

static void put(const char *root, const char *below, const char *path, const char *text)
{
	char whole[512];
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s%s", root, below, path);
	for (char *s = whole + strlen(root) + 1; (s = strchr(s, '/')) != NULL; s++) {
		*s = '\0';
		mkdir(whole, 0755);
		*s = '/';
	}
	assert_non_null(f = fopen(whole, "w"));
	fputs(text, f);
	fclose(f);
}

static void the_least_limit_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char root[] = "/tmp/geosluice-cgroup-XXXXXX", command[100];

		assert_non_null(mkdtemp(root));
		if (cases[i].self != NULL)
			put(root, "/proc/self", "/cgroup", cases[i].self);
		for (int k = 0; k < 6 && cases[i].files[k] != NULL; k += 2)
			put(root, "/sys/fs/cgroup", cases[i].files[k], cases[i].files[k + 1]);
		if (cgroup_memory_bytes(root) != cases[i].want)
			fail_msg("case %zu: %llu", i, (unsigned long long)cgroup_memory_bytes(root));
		snprintf(command, sizeof(command), "rm -rf %s", root);
		assert_int_equal(system(command), 0);
	}
}

static void processes_share_it(void **state)
{
	const uint64_t mb = 1 << 20;

	(void)state;
	assert_int_equal(cgroup_share_bytes(1024 * mb, 1), 976 * mb);
	assert_int_equal(cgroup_share_bytes(1048 * mb, 4), 250 * mb);
	assert_int_equal(cgroup_share_bytes(100 * mb, 4), 64 * mb);	/* less is of no use */
	assert_int_equal(cgroup_share_bytes(1, 4), 64 * mb);
}

static void a_chosen_value_stands_and_the_default_is_lowered(void **state)
{
	struct settings s = { 0 };
	const int64_t mb = 1 << 20, usual = 1024 * mb;

	(void)state;
	s.worker.memory_bytes = usual;
	assert_int_equal(memory_limit(&s, 2, 0), usual);
	assert_int_equal(memory_limit(&s, 2, 4096 * (uint64_t)mb), usual);
	assert_int_equal(memory_limit(&s, 2, 512 * (uint64_t)mb), 232 * mb);
	s.worker.memory_bytes = 300 * mb;
	assert_int_equal(memory_limit(&s, 2, 512 * (uint64_t)mb), 300 * mb);
	s.worker.memory_bytes = 0;
	assert_int_equal(memory_limit(&s, 2, 512 * (uint64_t)mb), 0);

	s.worker.max_feature_bytes = 32 * mb;
	assert_int_equal(memory_feature_limit(&s), 32 * mb);
	s.worker.memory_bytes = 120 * mb;
	assert_int_equal(memory_feature_limit(&s), 32 * mb);
	s.worker.memory_bytes = 64 * mb;
	assert_int_equal(memory_feature_limit(&s), 40 * mb / 3);
	s.worker.max_feature_bytes = 1024;
	assert_int_equal(memory_feature_limit(&s), 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_limit_counts),
		cmocka_unit_test(processes_share_it),
		cmocka_unit_test(a_chosen_value_stands_and_the_default_is_lowered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
