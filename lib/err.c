/* err - see err.h. */
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_class cls, int code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL || e->cls != ERR_NONE)
		return -1;
	e->cls = cls;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

int err_errno(struct err *e, const char *what)
{
	return err_set(e, ERR_SYSTEM, errno, "%s: %s", what, strerror(errno));
}

void err_clear(struct err *e)
{
	e->cls = ERR_NONE;
	e->code = 0;
	e->text[0] = '\0';
}
