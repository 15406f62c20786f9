/* temporary - see temporary.h. */
#include "cli/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)64 << 10)

const char *temporary_name(char *out, size_t room, const char *path)
{
	const char *folder = getenv("TMPDIR");
	int n = snprintf(out, room, "%s/%s", folder != NULL && *folder != '\0' ? folder : "/tmp", path);

	if (n > 0 && (size_t)n < room)
		return out;
	errno = ENAMETOOLONG;
	return NULL;
}

FILE *temporary_buffered(FILE *f)
{
	if (f != NULL)
		setvbuf(f, NULL, _IOFBF, BUFFER_BYTES);	/* without memory the small one stays */
	return f;
}

FILE *temporary_file(void)
{
	char name[PATH_MAX];
	FILE *f = NULL;
	int fd;

	if (temporary_name(name, sizeof(name), "geosluice-XXXXXX") == NULL || (fd = mkstemp(name)) == -1)
		return NULL;
	unlink(name);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || (f = fdopen(fd, "w+")) == NULL)
		close(fd);
	return temporary_buffered(f);
}
