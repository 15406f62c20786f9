/*
 * Structured fields: any text is read or refused, what is read is written so that it reads the same again, and
 * skipping sees what reading sees.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/digest.h"
#include "server/structured_field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int params(struct sf *f, struct buf *b)
{
	struct sf_text name;
	struct sf_item item;
	int n;

	while ((n = sf_param(f, &name, &item)) == 1) {
		buf_putc(b, ';');
		buf_append(b, name.text, name.len);
		buf_putc(b, '=');
		sf_write(b, &item);
	}
	return n;
}

static int inner(struct sf *f, struct buf *b)
{
	struct sf_item item;
	int n;

	buf_putc(b, '(');
	for (int i = 0; (n = sf_inner(f, &item)) == 1; i++) {
		if (i > 0)
			buf_putc(b, ' ');
		sf_write(b, &item);
		if (params(f, b) < 0)
			return -1;
	}
	buf_putc(b, ')');
	return n;
}

/* 0, and the text as section 4.1 writes it (with "=?1" where that may be left out), or -1. */
static int again(const char *text, struct buf *b)
{
	struct sf_text name;
	struct sf_item item;
	struct sf f;
	int n;

	sf_init(&f, text);
	while ((n = sf_member(&f, &name)) == 1) {
		if (b->len > 0)
			buf_puts(b, ", ");
		buf_append(b, name.text, name.len);
		buf_putc(b, '=');
		if (f.bare) {
			buf_puts(b, "?1");
		} else if (sf_open(&f) == 1) {
			if (inner(&f, b) < 0)
				return -1;
		} else if (sf_item(&f, &item) < 0) {
			return -1;
		} else {
			sf_write(b, &item);
		}
		if (params(&f, b) < 0)
			return -1;
	}
	return n;
}

static int skip(const char *text)
{
	struct sf_text name;
	struct sf f;
	int n;

	sf_init(&f, text);
	while ((n = sf_member(&f, &name)) == 1)
		if (sf_skip(&f) < 0)
			return -1;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sf_text name = { "sig1", 4 };
	struct refusal why = { .problem = P_NONE };
	unsigned char out[SHA512_BYTES];
	struct buf once, twice;
	struct digest d;
	char *text = malloc(size + 1);
	int rc;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	buf_init(&once, 1 << 24);
	buf_init(&twice, 1 << 24);
	if ((rc = again(text, &once)) != skip(text))
		abort();
	if (rc == 0 && (again(buf_cstr(&once), &twice) != 0 || strcmp(buf_cstr(&once), buf_cstr(&twice)) != 0))
		abort();
	if ((sf_find_bytes(text, &name, out, sizeof(out)) == -1) != (rc < 0))
		abort();
	if (digest_read(&d, text, &why) == 0 && (rc < 0 || (!d.sha256 && !d.sha512)))
		abort();
	buf_clear(&once);
	buf_clear(&twice);
	free(text);
	return 0;
}
