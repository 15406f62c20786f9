/* chunk_message - see chunk_message.h. */
#include "schema/chunk_message.h"

#include <stdlib.h>
#include <string.h>

#include <schema/feature.pb-c.h>

int chunk_message_write(const struct chunk_message *m, struct buf *out, struct err *e)
{
	Geosluice__Chunk c = GEOSLUICE__CHUNK__INIT;
	size_t n;

	c.first = m->first;
	c.features = m->features;
	c.from = m->from;
	c.to = m->to;
	c.segment = m->segment;
	c.skip = m->skip;
	c.head_end = m->head_end;
	c.twice = m->twice;
	c.n_twice = m->twice_count;
	c.vertices = m->vertices;
	c.tail = m->tail;
	c.until = m->until;
	c.text.data = (uint8_t *)m->text;
	c.text.len = m->text_len;
	c.received = m->received;
	c.whole = m->whole;
	buf_reset(out);
	n = geosluice__chunk__get_packed_size(&c);
	if (buf_reserve(out, n + 1) != 0)
		return err_errno(e, "chunk message");
	out->len = geosluice__chunk__pack(&c, (uint8_t *)out->data);
	return 0;
}

int chunk_message_read(struct chunk_message *m, const void *bytes, size_t n, struct err *e)
{
	Geosluice__Chunk *c = geosluice__chunk__unpack(NULL, n, bytes);
	int rc = 0;

	memset(m, 0, sizeof(*m));
	if (c == NULL)
		return err_set(e, ERR_INPUT, 0, "a chunk message of %zu bytes cannot be read", n);
	m->first = c->first;
	m->features = c->features;
	m->from = c->from;
	m->to = c->to;
	m->segment = c->segment;
	m->skip = c->skip;
	m->head_end = c->head_end;
	m->vertices = c->vertices;
	m->tail = c->tail;
	m->until = c->until;
	m->received = c->received;
	m->whole = c->whole;
	m->twice_count = c->n_twice;
	if (c->n_twice > 0 && (m->twice = malloc(c->n_twice * sizeof(*m->twice))) == NULL)
		rc = err_errno(e, "chunk message");
	else if (c->n_twice > 0)
		memcpy(m->twice, c->twice, c->n_twice * sizeof(*m->twice));
	if (rc == 0 && c->text.len > 0) {	/* it may be megabytes: taken, not copied */
		m->text = (char *)c->text.data;
		m->text_len = c->text.len;
		c->text = (ProtobufCBinaryData){ 0, NULL };
	}
	geosluice__chunk__free_unpacked(c, NULL);
	return rc;
}

void chunk_message_clear(struct chunk_message *m)
{
	free(m->twice);
	free(m->text);
	memset(m, 0, sizeof(*m));
}
