/* late - see late.h. */
#include "tests/fakes/late.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/loop.h"

#define PATIENCE_MS 30000

static void on_late(void *ctx)
{
	(void)ctx;
	fail_msg("the awaited event did not come");
}

/* The timer goes with the loop. */
void late_is_failure(struct loop *l)
{
	struct err e = ERR_INIT;
	struct loop_timer *t = loop_timer_new(l, on_late, NULL, &e);

	assert_non_null(t);
	loop_timer_start(t, PATIENCE_MS, 0);
}
