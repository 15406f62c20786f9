/* peers: addresses are counted apart, hosts of one IPv6 network together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "server/peers.h"

static const struct sockaddr *address(const char *text)
{
	static struct sockaddr_in four;
	static struct sockaddr_in6 six;

	memset(&six, 0, sizeof(six));
	memset(&four, 0, sizeof(four));
	six.sin6_family = AF_INET6;
	four.sin_family = AF_INET;
	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return (const struct sockaddr *)&four;
	assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
	return (const struct sockaddr *)&six;
}

static void counts(void **state)
{
	struct peers *p = peers_new();
	struct peer *a, *b, *c, *d, *e;

	(void)state;
	assert_non_null(a = peers_enter(p, address("192.0.2.1"), 2));
	assert_non_null(b = peers_enter(p, address("192.0.2.1"), 2));
	assert_null(peers_enter(p, address("192.0.2.1"), 2));
	assert_non_null(c = peers_enter(p, address("192.0.2.2"), 2));
	assert_int_equal(peers_count(p), 2);
	peers_leave(p, &a);
	assert_null(a);
	assert_non_null(a = peers_enter(p, address("192.0.2.1"), 2));
	/* One host may take any address of its /64. */
	assert_non_null(d = peers_enter(p, address("2001:db8::1"), 1));
	assert_null(peers_enter(p, address("2001:db8::ffff:1"), 1));
	assert_non_null(e = peers_enter(p, address("2001:db8:0:1::1"), 1));
	peers_leave(p, &a);
	peers_leave(p, &b);
	peers_leave(p, &c);
	peers_leave(p, &d);
	peers_leave(p, &e);
	assert_int_equal(peers_count(p), 0);
	peers_leave(p, &e);
	peers_free(&p);
}

static void many(void **state)
{
	enum { N = 5000 };
	static struct peer *all[N];
	struct peers *p = peers_new();
	struct sockaddr_in a = { .sin_family = AF_INET };

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		a.sin_addr.s_addr = htonl(0x0a000000 + i);
		assert_non_null(all[i] = peers_enter(p, (struct sockaddr *)&a, 1));
	}
	assert_int_equal(peers_count(p), N);
	for (unsigned i = 0; i < N; i++) {
		a.sin_addr.s_addr = htonl(0x0a000000 + i);
		assert_null(peers_enter(p, (struct sockaddr *)&a, 1));
		assert_ptr_equal(peers_enter(p, (struct sockaddr *)&a, 0), all[i]);
	}
	for (unsigned i = 0; i < N; i++) {
		struct peer *again = all[i];

		peers_leave(p, &again);
		peers_leave(p, &all[i]);
	}
	assert_int_equal(peers_count(p), 0);
	peers_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(counts), cmocka_unit_test(many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
