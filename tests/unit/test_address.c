/* lib/address: which addresses a callback may go to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/address.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage s;
	struct sockaddr_in *four = (struct sockaddr_in *)&s;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s;

	memset(&s, 0, sizeof(s));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		s.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
		s.ss_family = AF_INET6;
	else
		fail_msg("%s is no address", text);
	return s;
}

static bool is_public(const char *text)
{
	struct sockaddr_storage s = address(text);

	return address_is_public((struct sockaddr *)&s);
}

static void public_or_not(void **state)
{
	static const char *const open[] = {
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
		"126.255.255.255", "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0",
		"192.167.255.255", "192.169.0.0", "223.255.255.255", "2606:4700::1111",
		"2a00:1450:4001::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808",
		"2002:808:808::1",
	};
	static const char *const closed[] = {
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1",
		"127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.0.1",
		"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
		"fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "2001::1", "3fff::1",
		"100::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::a00:1",
		"64:ff9b::7f00:1", "64:ff9b:1::1", "2002:a00:1::1", "2002:7f00:1::1",
		"2002:a9fe:a9fe::1", "5f00::1", "fd00:ec2::254",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (!is_public(open[i]))
			fail_msg("%s is public", open[i]);
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
		if (is_public(closed[i]))
			fail_msg("%s is not public", closed[i]);
}

static void not_internet(void **state)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX, .sun_path = "/tmp/x" };
	struct address_ranges all;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(address_ranges_parse(&all, "::/0", &e), 0);
	assert_false(address_is_public((struct sockaddr *)&u));
	assert_false(address_in(&all, (struct sockaddr *)&u));
	address_ranges_clear(&all);
}

static void ranges(void **state)
{
	static const struct { const char *ranges, *address; bool in; } cases[] = {
		{ "", "127.0.0.1", false },
		{ "127.0.0.0/8", "127.1.2.3", true },
		{ "127.0.0.0/8", "128.0.0.0", false },
		{ "127.0.0.0/8", "::ffff:127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "10.0.0.0/9", "10.127.255.255", true },
		{ "10.0.0.0/9", "10.128.0.0", false },
		{ "0.0.0.0/0", "192.168.1.1", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "192.168.1.1", true },
		{ "::1", "::1", true },
		{ "fd00::/8", "fd12::1", true },
		{ "fd00::/8", "fc12::1", false },
		{ " 10.0.0.0/8 ,::1,\t192.168.0.0/16 ", "192.168.3.4", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_storage s = address(cases[i].address);
		struct address_ranges r;
		struct err e = ERR_INIT;

		assert_int_equal(address_ranges_parse(&r, cases[i].ranges, &e), 0);
		if (address_in(&r, (struct sockaddr *)&s) != cases[i].in)
			fail_msg("%s in \"%s\"", cases[i].address, cases[i].ranges);
		address_ranges_clear(&r);
	}
}

static void no_ranges(void **state)
{
	static const char *const broken[] = {
		"x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "10.0.0/8", "::1/129",
		"10.0.0.0/+8", "127.0.0.1, x", "300.0.0.1", "10.0.0.0//8",
		"10.0.0.0/99999999999999999999",
		"1111111111111111111111111111111111111111111111111111111111111111111111111111111111",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct address_ranges r;
		struct err e = ERR_INIT;

		if (address_ranges_parse(&r, broken[i], &e) != -1)
			fail_msg("%s", broken[i]);
		assert_int_equal(e.cls, ERR_INPUT);
		assert_null(r.list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_or_not),
		cmocka_unit_test(not_internet),
		cmocka_unit_test(ranges),
		cmocka_unit_test(no_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
