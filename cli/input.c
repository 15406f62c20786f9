/* input - see input.h. */
#include "cli/input.h"
#include "cli/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

struct input {
	gzFile file;
	FILE *kept;	/* what was read so far, where file cannot seek */
	bool again;	/* read from kept */
};

struct input *input_open(const char *path, struct err *e)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct input *in = calloc(1, sizeof(*in));
	struct stat st;

	if (fd == -1 || in == NULL) {
		err_set(e, ERR_SYSTEM, errno, "cannot be opened: %s", strerror(errno));
		goto failed;
	}
	if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
		err_set(e, ERR_SYSTEM, EISDIR, "is a folder, not a file");
		goto failed;
	}
	if (lseek(fd, 0, SEEK_CUR) == -1 && (in->kept = temporary_file()) == NULL) {
		err_errno(e, "temporary file");
		goto failed;
	}
	if ((in->file = gzdopen(fd, "rb")) == NULL) {
		err_errno(e, "zlib");
		goto failed;
	}
	gzbuffer(in->file, 256 << 10);
	return in;
 failed:
	if (fd != -1)
		close(fd);
	if (in != NULL && in->kept != NULL)
		fclose(in->kept);
	free(in);
	return NULL;
}

void input_close(struct input **inp)
{
	struct input *in = *inp;

	if (in == NULL)
		return;
	gzclose(in->file);
	if (in->kept != NULL)
		fclose(in->kept);
	free(in);
	*inp = NULL;
}

long input_read(struct input *in, char *bytes, size_t n, struct err *e)
{
	int code, got;

	if (in->again) {
		size_t k = fread(bytes, 1, n, in->kept);

		return k == 0 && ferror(in->kept) ? err_errno(e, "temporary file") : (long)k;
	}
	if ((got = gzread(in->file, bytes, (unsigned)n)) < 0) {
		const char *why = gzerror(in->file, &code);

		/* zlib's own text names a descriptor. */
		return err_set(e, ERR_SYSTEM, 0, "cannot be read: %s", code == Z_ERRNO ? strerror(errno)
		    : code == Z_DATA_ERROR ? "the compressed data are damaged" : why);
	}
	if (got == 0 && (gzerror(in->file, &code), code == Z_BUF_ERROR))
		return err_set(e, ERR_SYSTEM, 0, "cannot be read: the compressed file ends too early");
	if (in->kept != NULL && fwrite(bytes, 1, (size_t)got, in->kept) != (size_t)got)
		return err_errno(e, "temporary file");
	return got;
}

int input_rewind(struct input *in, struct err *e)
{
	if (in->kept != NULL) {
		in->again = true;
		return fseek(in->kept, 0, SEEK_SET) == 0 ? 0 : err_errno(e, "temporary file");
	}
	return gzrewind(in->file) == 0 ? 0 : err_errno(e, "rewind");
}
