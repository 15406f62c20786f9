/* buf: grows, stops at its ceiling, and keeps what it had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "lib/buf.h"

static void it_grows(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	assert_string_equal(buf_cstr(&b), "");
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_printf(&b, "%d,", i), 0);
	assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	assert_memory_equal(b.data, "0,1,2,3,", 8);
	assert_int_equal(buf_puts(&b, "end"), 0);
	assert_int_equal(buf_putc(&b, '.'), 0);
	assert_string_equal(buf_cstr(&b) + b.len - 8, "999,end.");
	buf_reset(&b);
	assert_string_equal(buf_cstr(&b), "");
	buf_clear(&b);
	assert_null(b.data);
	assert_int_equal(buf_puts(&b, "again"), 0);
	buf_clear(&b);
}

static void the_ceiling_holds(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (int i = 0; i < 10; i++)
		assert_int_equal(buf_append(&b, "0123456789", 10), 0);
	assert_false(b.failed);
	assert_int_equal(buf_putc(&b, 'x'), -1);
	assert_true(b.failed);
	assert_int_equal(b.len, 100);
	assert_int_equal(b.room, 100);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -1);
	assert_int_equal(buf_append(&b, "", 0), 0);
	assert_string_equal(buf_cstr(&b), "");	/* no room for the NUL */
	buf_reset(&b);
	assert_false(b.failed);
	assert_int_equal(buf_puts(&b, "x"), 0);
	buf_clear(&b);
}

static void trimming_gives_back(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(buf_reserve(&b, 5000), 0);
	buf_trim(&b, 10000);
	assert_true(b.room >= 5000);
	buf_trim(&b, 1000);
	assert_int_equal(b.room, 0);
	assert_int_equal(b.max, 1 << 20);
	buf_clear(&b);
}

static void fitting_keeps_what_is_there(void **state)
{
	struct buf b;
	char *data;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_fit(&b);
	assert_null(b.data);
	assert_int_equal(buf_reserve(&b, 100000), 0);
	buf_puts(&b, "abc");
	buf_fit(&b);
	assert_int_equal(b.room, 3);
	assert_int_equal(buf_puts(&b, "def"), 0);
	assert_string_equal(buf_cstr(&b), "abcdef");
	data = buf_take(&b);
	assert_memory_equal(data, "abcdef", 6);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows),
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(trimming_gives_back),
		cmocka_unit_test(fitting_keeps_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
