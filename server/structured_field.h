/*
 * structured_field - Structured Field Values for HTTP (RFC 8941), read strictly.
 *
 * In:  the text of a header that is a dictionary. Out: its members, item by item, borrowed from the text.
 * Depends on nothing. Nothing is allocated, and nothing is guessed: the first fault ends it.
 *
 *   while ((n = sf_member(&f, &name)) == 1)	dictionary
 *       sf_open ─▶ sf_inner* ─▶ sf_param*	inner list, its items and its parameters
 *       sf_item ─▶ sf_param*			or an item and its parameters
 */
#ifndef GS_SERVER_STRUCTURED_FIELD_H
#define GS_SERVER_STRUCTURED_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

enum sf_type { SF_INTEGER, SF_DECIMAL, SF_STRING, SF_TOKEN, SF_BYTES, SF_BOOLEAN };

struct sf_text {
	const char *text;	/* ends where len says */
	size_t len;
};

struct sf_item {
	enum sf_type type;
	struct sf_text raw;	/* string: its escapes are still there; bytes: base64; without the delimiters */
	int64_t number;		/* integer; decimal in thousandths; boolean */
};

struct sf {
	const char *at;
	bool begun;		/* a member was read */
	bool bare;		/* the last one has no "=": it is true */
	bool inside;		/* items of an inner list were read */
};

void sf_init(struct sf *f, const char *text);

/* All of these: 1 there is one, 0 there is none, -1 the text is broken. */
int sf_member(struct sf *f, struct sf_text *name);	/* its value has to be read next */
int sf_open(struct sf *f);				/* does an inner list follow? */
int sf_inner(struct sf *f, struct sf_item *item);	/* the next item of the inner list */
int sf_param(struct sf *f, struct sf_text *name, struct sf_item *value);
/* 1 or -1. */
int sf_item(struct sf *f, struct sf_item *item);
int sf_skip(struct sf *f);	/* a member's value, whatever it is */

/* The last member of a dictionary that has this name and a byte sequence as value: decoded into out. Returns
 * its length, -1 if the dictionary is broken, -2 if there is none, or it is none or longer than room. */
long sf_find_bytes(const char *dictionary, const struct sf_text *name, unsigned char *out, size_t room);

bool sf_is(const struct sf_text *t, const char *word);
/* Appends the item as section 4.1.3 writes it. */
void sf_write(struct buf *b, const struct sf_item *item);
/* A string's characters without their escapes, with a NUL; false if there is no room. */
bool sf_unescape(const struct sf_item *item, char *out, size_t room);

#endif
