/* patience - see patience.h. */
#include "workers/patience.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/crypto.h"
#include "lib/log.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000

static volatile sig_atomic_t over;
static unsigned grace;

static void on_stop(int signum)
{
	(void)signum;
	over = 1;
	if (grace > 0)
		alarm(grace);
}

void patience_begin(unsigned grace_s)
{
	struct sigaction stop = { .sa_handler = on_stop };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	over = 0;
	grace = grace_s;
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

bool patience_over(void)
{
	return over != 0;
}

void patience_sleep(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	if (!over)
		nanosleep(&t, NULL);
}

unsigned patience_backoff_ms(unsigned n)
{
	unsigned char dice;
	unsigned ms = BACKOFF_FIRST_MS;

	while (n-- > 0 && ms < BACKOFF_LAST_MS)
		ms *= 2;
	if (ms > BACKOFF_LAST_MS)
		ms = BACKOFF_LAST_MS;
	random_bytes(&dice, sizeof(dice));
	return ms / 2 + ms * dice / 512;
}

int redis_insist(struct redis *r, const struct redis_cmd *c, struct reply **out, struct err *e)
{
	for (unsigned n = 0;; n++) {
		struct err mine = ERR_INIT;

		if (redis_do(r, c, out, &mine) == 0) {
			if (n > 0)
				log_info("redis_back", LOG_INT("tries", n));
			return 0;
		}
		if (mine.cls != ERR_RETRY || patience_over())
			return err_set(e, mine.cls, mine.code, "%s", mine.text);
		if (n == 0)
			log_warn("redis_away", LOG_STR("reason", mine.text));
		patience_sleep(patience_backoff_ms(n));
	}
}
