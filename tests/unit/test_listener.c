/* listener: addresses as they are written, and a port that is shared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/listener.h"

static void addresses(void **state)
{
	static const struct { const char *text, *bound; } cases[] = {
		{ "127.0.0.1:0", "127.0.0.1:" }, { "[::1]:0", "[::1]:" }, { "127.0.0.1", NULL }, { ":80", NULL },
		{ "127.0.0.1:", NULL }, { "127.0.0.1:http", NULL }, { "127.0.0.1:123456", NULL }, { "", NULL },
		{ "198.51.100.1:0", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char bound[LISTENER_TEXT] = "";
		struct err e = ERR_INIT;
		int fd = listener_open(cases[i].text, bound, &e);

		if (cases[i].bound == NULL) {
			assert_int_equal(fd, -1);
			assert_true(e.text[0] != '\0');
		} else if (fd >= 0 || strchr(cases[i].text, '[') == NULL) {	/* a host may be without IPv6 */
			assert_true(fd >= 0);
			assert_memory_equal(bound, cases[i].bound, strlen(cases[i].bound));
			close(fd);
		}
	}
}

static void a_port_is_shared(void **state)
{
	char first[LISTENER_TEXT], second[LISTENER_TEXT];
	struct err e = ERR_INIT;
	int a = listener_open("127.0.0.1:0", first, &e), b;

	(void)state;
	assert_true(a >= 0);
	b = listener_open(first, second, &e);
	assert_true(b >= 0);
	assert_string_equal(first, second);
	close(a);
	close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(a_port_is_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
