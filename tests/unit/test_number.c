/* number: exact both ways, against the C library, which is exact but slow and asks the locale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/pipeline/number.h"

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void same_bits(double a, double b, const char *text)
{
	if (memcmp(&a, &b, sizeof(a)) != 0)
		fail_msg("%s: %a, not %a", text, a, b);
}

static void parse_like_strtod(const char *text)
{
	double got = 0;

	assert_true(number_parse(text, strlen(text), &got));
	same_bits(got, strtod(text, NULL), text);
}

static void listed_texts_are_read(void **state)
{
	static const char *const texts[] = {
		"0", "-0", "-0.0", "1", "-1", "0.1", "123.456", "9007199254740993", "9007199254740992.5",
		"18446744073709551615", "18446744073709551616", "1e22", "1e23", "1E+5", "1e-5", "0.000001",
		"179.99999999999999", "-33.8687999999999999", "8.4123456789012345", "0.30000000000000004",
		"5e-324", "2.4703282292062327e-324", "2.47e-324", "1e-400", "-1e-400", "0e999999999999",
		"1.7976931348623157e308", "1.7976931348623158e308", "0.0000000000000000000000001",
		"1234567890123456789012345678901234567890", "0.1234567890123456789012345678901234567890",
		"4503599627370496.5", "4503599627370497.5", "9223372036854775807.5", "1.00000000000000011102230246251565",
		"2.2250738585072011e-308", "0e1000", "100000000000000000000000e-30",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		parse_like_strtod(texts[i]);
}

static void overflow_is_told(void **state)
{
	static const char *const texts[] = { "1e309", "-1e400", "1e99999999999999999999",
		"1.7976931348623159e308", "123456e400" };
	double v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(number_parse(texts[i], strlen(texts[i]), &v));
	assert_true(v == 7);
}

/* Decimals of up to 22 digits around every path, among them the halfway cases of doubles. */
static void decimals_are_read_exactly(void **state)
{
	char text[64];

	(void)state;
	for (int i = 0; i < 400000; i++) {
		int digits = 1 + (int)(rnd() % 22), point = (int)(rnd() % 8), len = 0;

		if (rnd() & 1)
			text[len++] = '-';
		for (int k = 0; k < digits; k++) {
			text[len++] = (char)('0' + (k == 0 ? 1 + rnd() % 9 : rnd() % 10));
			if (k == point && k + 1 < digits)
				text[len++] = '.';
		}
		text[len] = '\0';
		parse_like_strtod(text);
	}
	for (int i = 0; i < 100000; i++) {	/* the middle between two doubles, written in full */
		double a = (double)(rnd() % 360000000) / 1e6 + 1, b;
		uint64_t bits;

		memcpy(&bits, &a, 8);
		bits++;
		memcpy(&b, &bits, 8);
		snprintf(text, sizeof(text), "%.18Lf", ((long double)a + (long double)b) / 2);
		parse_like_strtod(text);
	}
}

/* number_read takes the number that a text begins with as number_parse takes it, or not at all. */
static void read_like_parse(const char *number, bool usual)
{
	static const char behind[][3] = { ",", "]", " ", "\n", "-1", ".5", "\"", "}" };
	char text[128];

	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		size_t len = strlen(number), n;
		double got = 7, want = 0;

		if (behind[i][0] == '.' && strchr(number, '.') == NULL)
			continue;	/* another number */
		n = (size_t)snprintf(text, sizeof(text), "%s%s%32s", number, behind[i], "e1234567890");
		n = number_read(text, n, &got);
		if (!usual) {
			assert_int_equal(n, 0);
			continue;
		}
		if (n != len)
			fail_msg("%s: %zu bytes are read", text, n);
		assert_true(number_parse(number, len, &want));
		same_bits(got, want, number);
	}
	if (strlen(number) < NUMBER_READ_ROOM)
		assert_int_equal(number_read(text, NUMBER_READ_ROOM - 1, &(double){ 0 }), 0);
}

static void usual_numbers_are_read_in_place(void **state)
{
	static const char *const usual[] = { "0", "-0", "-0.0", "7", "12345678", "0.5", "-8.376", "12345678.12345678",
		"123.1234567890123456", "0.0000000000000001" };
	static const char *const others[] = { "-", "+1", "00", "-01", "1.", "-.5", ".5", "123456789",
		"0.12345678901234567", "1234.1234567890123456", "1e5", "1E5", "1.5e5", "nan", "x", "[1", "--1" };
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		read_like_parse(usual[i], true);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		read_like_parse(others[i], false);
	for (int i = 0; i < 20000; i++) {
		int whole = 1 + (int)(rnd() % 8), places = (int)(rnd() % 17), len = 0;

		if (rnd() & 1)
			text[len++] = '-';
		for (int k = 0; k < whole; k++)
			text[len++] = (char)('0' + (k == 0 && whole > 1 ? 1 + rnd() % 9 : rnd() % 10));
		if (places > 0)
			text[len++] = '.';
		for (int k = 0; k < places; k++)
			text[len++] = (char)('0' + rnd() % 10);
		text[len] = '\0';
		read_like_parse(text, whole + places <= 19);
	}
}

/* The digits that count, without sign, point, exponent and the zeros around them. */
static void significant(const char *text, char *out)
{
	char *begin = out;

	for (const char *p = text; *p != '\0' && *p != 'e'; p++)
		if (*p >= '0' && *p <= '9' && (out > begin || *p != '0'))
			*out++ = *p;
	while (out > begin && out[-1] == '0')
		out--;
	*out = '\0';
}

/* Reads back, is as short as can be, and of those that are the nearest. */
static void check_format(double v)
{
	char text[NUMBER_TEXT_MAX + 1], other[64], got[64], want[64];
	size_t n = number_format(v, text);
	int least = 1;

	assert_true(n <= NUMBER_TEXT_MAX);
	text[n] = '\0';
	same_bits(strtod(text, NULL), v, text);
	for (; least < 17; least++) {
		snprintf(other, sizeof(other), "%.*e", least - 1, v);
		if (strtod(other, NULL) == v)
			break;
	}
	significant(text, got);
	significant(other, want);
	if (least < 17)
		assert_string_equal(got, want);
	else
		assert_true(strlen(got) <= 17);
}

static void bits_of(double *v, uint64_t bits)
{
	memcpy(v, &bits, sizeof(*v));
}

static void doubles_are_written_shortest(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t bits = rnd();
		double v;

		check_format(((double)(rnd() % 36000000000u) - 18e9) / 1e8);
		check_format(((double)(rnd() >> 11) * 0x1p-53 - 0.5) * 360);
		check_format((double)(rnd() % 20037508) + (double)(rnd() % 1000) / 1000);
		check_format(((double)(rnd() >> 11) * 0x1p-53 - 0.5) * 40075016);
		bits_of(&v, (1005 + rnd() % 67) << 52 | (rnd() & 1 ? rnd() >> 12 : rnd() % 64));
		check_format(v);
		bits_of(&v, (1005 + rnd() % 67) << 52 | (0xfffffffffffff - rnd() % 64));
		check_format(-v);
		memcpy(&v, &bits, sizeof(v));
		if (v - v == 0 && (v > 1e21 || v < -1e21 || (v > -1e15 && v < 1e15)))
			check_format(v);
	}
}

static void forms_are_plain(void **state)
{
	static const struct {
		double v;
		const char *want;
	} forms[] = {
		{ 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { -180, "-180" }, { 100000, "100000" }, { 0.1, "0.1" },
		{ 1e-6, "0.000001" }, { 1e20, "100000000000000000000" }, { 1e21, "1e21" }, { 1e-7, "1e-7" }, { -2.5e-9, "-2.5e-9" },
		{ 12.5, "12.5" }, { 0.001, "0.001" }, { 999.999999999999, "999.999999999999" },
		{ 8.412345678901234, "8.412345678901234" }, { 20037508.342789244, "20037508.342789244" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char text[NUMBER_TEXT_MAX + 1];

		text[number_format(forms[i].v, text)] = '\0';
		assert_string_equal(text, forms[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listed_texts_are_read),
		cmocka_unit_test(overflow_is_told),
		cmocka_unit_test(decimals_are_read_exactly),
		cmocka_unit_test(usual_numbers_are_read_in_place),
		cmocka_unit_test(doubles_are_written_shortest),
		cmocka_unit_test(forms_are_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
