/* own - see own.h. */
#include "cli/own.h"

#include <stdio.h>
#include <string.h>

#include "cli/http.h"

void own_url(char *out, size_t room, const char *listen, bool tls)
{
	static const struct { const char *every, *own; } addresses[] = {
		{ "0.0.0.0:", "127.0.0.1" }, { "[::]:", "[::1]" }, { "", "" },
	};
	size_t i = 0, n;

	while (strncmp(listen, addresses[i].every, strlen(addresses[i].every)) != 0)
		i++;
	n = strlen(addresses[i].every);
	listen += n > 0 ? n - 1 : 0;	/* the colon stays */
	if ((size_t)snprintf(out, room, "http%s://%s%s", tls ? "s" : "", addresses[i].own, listen) >= room)
		*out = '\0';
}

bool own_is_ready(const char *url, unsigned timeout_ms, struct err *e)
{
	char where[300];
	const struct http_request q = { .method = "GET", .url = where, .open = true, .own = true,
		.timeout_ms = timeout_ms };
	struct buf answer;
	int status;

	http_join(where, sizeof(where), url, "/readyz");
	buf_init(&answer, HTTP_ANSWER_MAX);
	status = http_do(&q, &answer, e);
	if (status >= 0 && status != 200)
		err_set(e, ERR_RETRY, status, "%.90s answered %d", where, status);
	buf_clear(&answer);
	return status == 200;
}
