/* metrics: sums over reactors, in the text format that Prometheus reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/metrics.h"

static char *text_of(const struct metrics *const *all, size_t n)
{
	struct buf b;
	char *text;

	buf_init(&b, 1 << 20);
	metrics_write(&b, all, n);
	assert_false(b.failed);
	text = strdup(buf_cstr(&b));
	buf_clear(&b);
	return text;
}

static void reactors_are_summed(void **state)
{
	struct metrics *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	const struct metrics *all[] = { a, b };
	char *text;

	(void)state;
	metrics_request(a, ROUTE_INGEST, 202);
	metrics_request(b, ROUTE_INGEST, 202);
	metrics_request(b, ROUTE_NONE, 404);
	metrics_request(b, ROUTE_JOB, 599);
	metrics_add(&a->refusals[P_SIGNATURE_WRONG], 1);
	metrics_add(&a->body_bytes, 5);
	metrics_add(&b->body_bytes, 7);
	metrics_add(&a->uploads, 1);
	metrics_add(&a->uploads, (uint64_t)-1);
	text = text_of(all, 2);
	assert_non_null(strstr(text, "{route=\"POST /v1/ingest/{}\",status=\"202\"} 2\n"));
	assert_non_null(strstr(text, "{route=\"none\",status=\"404\"} 1\n"));
	assert_non_null(strstr(text, "{route=\"GET /v1/jobs/{}\",status=\"0\"} 1\n"));
	assert_non_null(strstr(text, "{code=\"SIGNATURE_WRONG\"} 1\n"));
	assert_non_null(strstr(text, "\ngeosluice_upload_bytes_total 12\n"));
	assert_non_null(strstr(text, "\ngeosluice_uploads_in_flight 0\n"));
	free(text);
	free(a);
	free(b);
}

static void latencies_fall_into_buckets(void **state)
{
	struct metrics *m = calloc(1, sizeof(*m));
	const struct metrics *all[] = { m };
	char *text;

	(void)state;
	metrics_commit(m, 100);
	metrics_commit(m, 101);
	metrics_commit(m, 60000000);
	text = text_of(all, 1);
	assert_non_null(strstr(text, "_bucket{le=\"0.000100\"} 1\n"));
	assert_non_null(strstr(text, "_bucket{le=\"0.000250\"} 2\n"));
	assert_non_null(strstr(text, "_bucket{le=\"5.000000\"} 2\n"));
	assert_non_null(strstr(text, "_bucket{le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(text, "_count 3\n"));
	assert_non_null(strstr(text, "_sum 60.000201\n"));
	free(text);
	free(m);
}

/* Status 0 is what had no answer: no refusal is to be counted as that. */
static void each_status_of_a_refusal_has_a_name(void **state)
{
	(void)state;
	for (int p = 1; p < P_COUNT; p++) {
		struct metrics *m = calloc(1, sizeof(*m));
		const struct metrics *all[] = { m };
		char line[64], *text;

		metrics_request(m, ROUTE_JOB, problem_status((enum problem)p));
		snprintf(line, sizeof(line), "status=\"%u\"} 1\n", problem_status((enum problem)p));
		text = text_of(all, 1);
		if (strstr(text, line) == NULL)
			fail_msg("%s is not counted by its status", problem_code((enum problem)p));
		free(text);
		free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reactors_are_summed),
		cmocka_unit_test(latencies_fall_into_buckets),
		cmocka_unit_test(each_status_of_a_refusal_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
