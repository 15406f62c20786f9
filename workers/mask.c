/* mask - see mask.h. */
#include "workers/mask.h"

#include <string.h>

#define RECORD_SEPARATOR 0x1e	/* RFC 8142; stands in no string */

/* What takes a feature's place, filled up with blanks in front of its last brace. */
static const char harmless[] = "{\"type\":\"Feature\",\"properties\":null,\"geometry\":null}";

void mask_init(struct mask *m, size_t keep_bytes)
{
	memset(m, 0, sizeof(*m));
	m->keep_bytes = keep_bytes + 4;	/* a reader that cuts UTF-8 looks one sequence ahead */
	buf_init(&m->changed, (size_t)64 << 20);
	for (int i = 0; i < MASKS_MOST; i++)
		buf_init(&m->range[i].text, m->keep_bytes);
}

void mask_reset(struct mask *m)
{
	for (size_t i = 0; i < m->count; i++)
		buf_clear(&m->range[i].text);
	buf_clear(&m->changed);
	m->count = m->found = 0;
}

void mask_clear(struct mask *m)
{
	mask_reset(m);
}

void mask_add(struct mask *m, uint64_t index)
{
	if (m->count == MASKS_MOST)
		return;
	m->range[m->count].index = index;
	m->range[m->count].from = m->range[m->count].to = 0;
	m->count++;
}

/* ---- where they are ---- */

void mask_seek(struct mask *m, uint64_t offset, bool among_features, uint64_t index)
{
	m->at = offset;
	m->index = index;
	m->depth = among_features ? 0 : 1;
	m->where = among_features ? MASK_FEATURES : MASK_BETWEEN;
	m->in_string = m->escape = m->open = m->collection = m->features = false;
	m->name_len = 0;
	m->found = 0;
	for (size_t i = 0; i < m->count; i++)
		m->range[i].from = m->range[i].to = 0;
}

/* A feature ends behind this byte. */
static void found(struct mask *m)
{
	for (size_t i = m->found; i < m->count && m->range[i].index <= m->index; i++) {
		m->found = i + 1;
		if (m->range[i].index == m->index) {
			m->range[i].from = m->begin;
			m->range[i].to = m->at + 1;
		}
	}
}

/* Within a string; names of a record's own members are kept. */
static void in_string(struct mask *m, char c)
{
	if (m->escape)
		m->escape = false;
	else if (c == '\\')
		m->escape = true;
	else if (c == '"')
		m->in_string = false;
	if (m->in_string && m->where == MASK_RECORD && m->depth == 1 && m->name_len < sizeof(m->name))
		m->name[m->name_len++] = c;
}

static void begin_record(struct mask *m)
{
	m->where = MASK_RECORD;
	m->begin = m->at;
	m->depth = 0;
	m->collection = m->features = false;
}

static void in_record(struct mask *m, char c)
{
	switch (c) {
	case '"':
		m->in_string = true;
		m->name_len = 0;
		break;
	case ':':
		m->features = m->depth == 1 && m->name_len == 8 && memcmp(m->name, "features", 8) == 0;
		break;
	case ',':
		m->features = false;
		break;
	case '[':
	case '{':
		if (c == '[' && m->depth == 1 && m->features && !m->collection) {
			m->where = MASK_FEATURES;
			m->collection = true;
			m->open = false;
			m->depth = 0;
		} else {
			m->depth++;
		}
		break;
	case ']':
	case '}':
		if (m->depth > 1) {
			m->depth--;
			break;
		}
		if (!m->collection) {
			found(m);
			m->index++;
		}
		m->where = MASK_BETWEEN;
		break;
	default:
		break;
	}
}

static void open_element(struct mask *m)
{
	if (!m->open)
		m->begin = m->at;
	m->open = true;
}

static void among_features(struct mask *m, char c)
{
	switch (c) {
	case ' ':
	case '\t':
	case '\n':
	case '\r':
		break;
	case ',':
		if (m->depth == 0 && m->open) {
			m->index++;
			m->open = false;
		}
		break;
	case '[':
	case '{':
		open_element(m);
		m->depth++;
		break;
	case ']':
	case '}':
		if (m->depth == 0) {
			m->index += m->open;
			m->where = MASK_RECORD;
			m->features = false;
			m->depth = 1;
		} else if (--m->depth == 0) {
			found(m);
		}
		break;
	default:
		open_element(m);
		m->in_string = c == '"';
		break;
	}
}

/* A record that was not closed is one all the same. */
static void new_record(struct mask *m)
{
	if (m->where == MASK_RECORD && !m->collection)
		m->index++;
	else if (m->where == MASK_FEATURES)
		m->index += m->open;
	m->where = MASK_BETWEEN;
	m->in_string = m->escape = false;
}

bool mask_find(struct mask *m, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && m->found < m->count; i++, m->at++) {
		char c = bytes[i];

		if (c == RECORD_SEPARATOR)
			new_record(m);
		else if (m->in_string)
			in_string(m, c);
		else if (m->where == MASK_FEATURES)
			among_features(m, c);
		else if (m->where == MASK_RECORD)
			in_record(m, c);
		else if (c == '{' || c == '[') {
			begin_record(m);
			in_record(m, c);
		}
	}
	return m->found == m->count;
}

/* ---- another text in their place ---- */

/* The byte at `at` of a harmless text of this length. */
static char harmless_byte(uint64_t at, uint64_t length)
{
	const uint64_t words = sizeof(harmless) - 2;	/* but for the last brace */

	if (at == length - 1)
		return '}';
	if (length > words)
		return at < words ? harmless[at] : ' ';
	return at == 0 ? '{' : ' ';
}

static int cover(struct mask *m, struct mask_range *r, uint64_t offset, const char *bytes, size_t n, struct err *e)
{
	uint64_t from = r->from > offset ? r->from : offset, to = r->to < offset + n ? r->to : offset + n;
	size_t room, more = (size_t)(to - from);

	if (from == r->from)
		buf_reset(&r->text);
	room = m->keep_bytes - r->text.len;
	if (buf_append(&r->text, bytes + (from - offset), more < room ? more : room) != 0)
		return err_errno(e, "mask");
	for (uint64_t at = from; at < to; at++)
		m->changed.data[at - offset] = harmless_byte(at - r->from, r->to - r->from);
	return 0;
}

int mask_apply(struct mask *m, uint64_t offset, const char **bytes, size_t n, struct err *e)
{
	const char *came = *bytes;

	for (size_t i = 0; i < m->count; i++) {
		struct mask_range *r = &m->range[i];

		if (r->to <= offset || r->from >= offset + n)
			continue;
		if (*bytes == came) {
			buf_reset(&m->changed);
			if (buf_append(&m->changed, came, n) != 0)
				return err_errno(e, "mask");
			*bytes = m->changed.data;
		}
		if (cover(m, r, offset, came, n, e) != 0)
			return -1;
	}
	return 0;
}

enum mask_verdict mask_feature(const struct mask *m, uint64_t index, uint64_t offset, const struct mask_range **which)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct mask_range *r = &m->range[i];

		if (r->to == 0)
			continue;
		if ((r->index == index) != (r->from == offset))
			return MASK_WRONG;
		if (r->index == index) {
			*which = r;
			return MASK_IS;
		}
	}
	return MASK_NONE;
}
