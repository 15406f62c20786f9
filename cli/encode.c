/* encode - see encode.h. */
#include "cli/encode.h"
#include "cli/temporary.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/frame.h"

#define PIECE ((size_t)256 << 10)

static int encode_gzip(FILE *from, FILE *to, char *piece, struct err *e)
{
	int fd = dup(fileno(to));
	gzFile out = fd != -1 ? gzdopen(fd, "wb6") : NULL;
	size_t n;
	int rc = 0;

	if (out == NULL) {
		if (fd != -1)
			close(fd);
		return err_errno(e, "gzip");
	}
	while (rc == 0 && (n = fread(piece, 1, PIECE, from)) > 0)
		if (gzwrite(out, piece, (unsigned)n) != (int)n)
			rc = err_errno(e, "temporary file");
	return gzclose(out) == Z_OK || rc != 0 ? rc : err_errno(e, "temporary file");
}

static int encode_zstd(FILE *from, FILE *to, char *piece, struct err *e)
{
	struct frame_writer *w = frame_writer_new(e);
	struct buf out;
	size_t n;
	int rc = w != NULL ? 0 : -1;

	buf_init(&out, 16 * PIECE);
	while (rc == 0) {
		n = fread(piece, 1, PIECE, from);
		rc = n > 0 ? frame_add(w, piece, n, &out, e) : frame_end(w, &out, e);
		if (rc == 0 && fwrite(out.data, 1, out.len, to) != out.len)
			rc = err_errno(e, "temporary file");
		buf_reset(&out);
		if (n == 0)
			break;
	}
	buf_clear(&out);
	frame_writer_free(&w);
	return rc;
}

FILE *encode_file(FILE *f, enum coding c, struct err *e)
{
	FILE *to = temporary_file();
	char *piece = malloc(PIECE);
	int rc;

	if (to == NULL || piece == NULL)
		rc = err_errno(e, "temporary file");
	else
		rc = (c == CODING_GZIP ? encode_gzip : encode_zstd)(f, to, piece, e);
	if (rc == 0 && (ferror(f) || fflush(to) != 0 || fseek(to, 0, SEEK_SET) != 0))
		rc = err_errno(e, "temporary file");
	free(piece);
	fclose(f);
	if (rc != 0 && to != NULL)
		fclose(to);
	return rc == 0 ? to : NULL;
}

enum coding encode_found(FILE *f)
{
	unsigned char head[4];
	size_t n = fread(head, 1, sizeof(head), f);

	rewind(f);
	if (n >= 2 && memcmp(head, "\x1f\x8b", 2) == 0)
		return CODING_GZIP;
	return n == 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0 ? CODING_ZSTD : CODING_NONE;
}
