/* server/body_key: names are the same for the same bytes under the same key, and for nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "server/body_key.h"

static void name_of(const struct body_key *k, const char *bytes, size_t n, size_t step, char out[BODY_NAME + 1])
{
	struct body_name *b = body_name_new(k);

	for (size_t i = 0; i < n; i += step)
		body_name_add(b, bytes + i, n - i < step ? n - i : step);
	body_name_end(b, out);
	body_name_free(&b);
	assert_null(b);
}

static void names_depend_on_bytes_and_key_alone(void **state)
{
	struct body_key *one = body_key_new(NULL), *same = body_key_new(body_key_text(one)), *two = body_key_new(NULL);
	char text[1000], name[BODY_NAME + 1], again[BODY_NAME + 1];

	(void)state;
	memset(text, ' ', sizeof(text));
	name_of(one, text, sizeof(text), sizeof(text), name);
	assert_int_equal(strlen(name), BODY_NAME);
	for (size_t step = 1; step <= sizeof(text); step++) {
		name_of(same, text, sizeof(text), step, again);
		assert_string_equal(again, name);
	}
	for (size_t i = 0; i < sizeof(text); i++) {	/* another byte, or one less */
		text[i] = '\n';
		name_of(one, text, sizeof(text), sizeof(text), again);
		assert_string_not_equal(again, name);
		text[i] = ' ';
		name_of(one, text, i, sizeof(text), again);
		assert_string_not_equal(again, name);
		assert_memory_equal(again, name, BODY_KEY_ID + 1);
	}
	/* Under another key they cannot be compared, and say so. */
	name_of(two, text, sizeof(text), sizeof(text), again);
	assert_memory_not_equal(again, name, BODY_KEY_ID);
	assert_string_not_equal(again + BODY_KEY_ID, name + BODY_KEY_ID);
	body_key_free(&one);
	body_key_free(&same);
	body_key_free(&two);
}

/* Redis has become another in the middle of a body. */
static void a_name_outlives_its_key(void **state)
{
	struct body_key *k = body_key_new(NULL), *same = body_key_new(body_key_text(k));
	struct body_name *b = body_name_new(k);
	char name[BODY_NAME + 1], want[BODY_NAME + 1];

	(void)state;
	body_name_add(b, "bo", 2);
	body_key_free(&k);
	body_name_add(b, "dy", 2);
	body_name_end(b, name);
	body_name_free(&b);
	name_of(same, "body", 4, 4, want);
	assert_string_equal(name, want);
	body_key_free(&same);
}

static void what_is_no_key_is_refused(void **state)
{
	static const char *const wrong[] = {
		"", "00", "0011223344556677889900112233445566778899001122334455667788990011 ",
		"001122334455667788990011223344556677889900112233445566778899001",
		"x011223344556677889900112233445566778899001122334455667788990011",
	};
	struct body_key *k = body_key_new("0011223344556677889900112233445566778899001122334455667788990011");

	(void)state;
	assert_non_null(k);
	body_key_free(&k);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_null(body_key_new(wrong[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_depend_on_bytes_and_key_alone),
		cmocka_unit_test(a_name_outlives_its_key),
		cmocka_unit_test(what_is_no_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
