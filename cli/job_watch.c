/* job_watch - see job_watch.h. */
#include "cli/job_watch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/http.h"
#include "cli/json_get.h"
#include "lib/clock.h"

#define ASK_TIMEOUT_MS 10000
#define FIRST_PAUSE_MS 20
#define LAST_PAUSE_MS 1000
#define AWAY_MS 60000		/* how long a server may be away */

int job_get(const char *base, const char *id, struct buf *answer, struct err *e)
{
	char path[128], url[1024];
	const struct http_request q = { .method = "GET", .url = url, .timeout_ms = ASK_TIMEOUT_MS };

	snprintf(path, sizeof(path), "/v1/jobs/%.64s", id);
	http_join(url, sizeof(url), base, path);
	buf_reset(answer);
	return http_do(&q, answer, e);
}

static bool status_is(const struct buf *info, const char *want)
{
	char status[32];

	json_get_string(status, sizeof(status), info->data, info->len, "status");
	return strcmp(status, want) == 0;
}

static long long count(const struct buf *info, const char *path)
{
	return json_get_int(info->data, info->len, path, 0);
}

bool job_has_ended(const struct buf *info)
{
	return status_is(info, "successful") || status_is(info, "failed") || status_is(info, "dismissed");
}

static void show_progress(const struct buf *info)
{
	char status[32];

	json_get_string(status, sizeof(status), info->data, info->len, "status");
	fprintf(stderr, "\r  %-10s %3lld %%  %lld features, %lld repaired, %lld rejected ", status,
	    count(info, "progress"), count(info, "counts.features"), count(info, "counts.repaired"),
	    count(info, "counts.rejected"));
}

static void pause_ms(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

int job_wait(const char *base, const char *id, struct buf *answer, struct err *e)
{
	uint64_t answered_ms = clock_mono_ms();
	bool show = isatty(STDERR_FILENO);
	unsigned ms = FIRST_PAUSE_MS;
	int status;

	for (;;) {
		err_clear(e);
		status = job_get(base, id, answer, e);
		if (status == 200 || (status >= 400 && status < 500 && status != 429))
			answered_ms = clock_mono_ms();
		if ((status == 200 && job_has_ended(answer)) ||
		    (status >= 400 && status < 500 && status != 429) ||
		    clock_mono_ms() - answered_ms > AWAY_MS)
			break;
		if (show && status == 200)
			show_progress(answer);
		pause_ms(ms);
		ms = ms * 2 < LAST_PAUSE_MS ? ms * 2 : LAST_PAUSE_MS;
	}
	if (show)
		fprintf(stderr, "\r%60s\r", "");
	return status;
}

int job_exit_code(const struct buf *info)
{
	if (!status_is(info, "successful"))
		return EXIT_FAILED;
	return count(info, "counts.rejected") > 0 ? EXIT_REJECTED : EXIT_GOOD;
}

void job_print(const char *base, const struct buf *info)
{
	char id[64], status[32], code[64], message[256], url[1024], path[128];

	json_get_string(id, sizeof(id), info->data, info->len, "jobID");
	json_get_string(status, sizeof(status), info->data, info->len, "status");
	json_get_string(code, sizeof(code), info->data, info->len, "code");
	json_get_string(message, sizeof(message), info->data, info->len, "message");
	printf("job       %s\nstatus    %s\n", id, status);
	if (*code != '\0' || *message != '\0')
		printf("why       %s%s%s\n", code, *code && *message ? ": " : "", message);
	printf("features  %lld: %lld accepted, %lld repaired, %lld rejected\n",
	    count(info, "counts.features"), count(info, "counts.accepted"),
	    count(info, "counts.repaired"), count(info, "counts.rejected"));
	snprintf(path, sizeof(path), "/v1/jobs/%s%s", id, status_is(info, "successful") ? "/results" : "");
	http_join(url, sizeof(url), base, path);
	printf("see       %s\n", url);
}
