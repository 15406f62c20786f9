/* routes - see routes.h. */
#include "server/routes.h"

#include <stdio.h>
#include <string.h>

#include "server/handlers.h"

static const struct {
	const char *name;
	const char *method;
	const char *path;
	const struct http_handler *handler;
	enum scope scope;
} routes[] = {
#define ROUTE(id, method, path, handler, scope) { method " " path, method, path, &handler, SCOPE_##scope },
#include "server/routes.def"
#undef ROUTE
};

const char *route_name(int route)
{
	return route < ROUTE_NONE ? routes[route].name : "none";
}

enum scope route_scope(int route)
{
	return route < ROUTE_NONE ? routes[route].scope : SCOPE_OPEN;
}

/* Does path fit the pattern? arg gets what stands at {}. */
static bool fits(const char *pattern, const char *path, char arg[HTTP_ARG_MAX])
{
	for (; *pattern != '\0' && *pattern != '{'; pattern++, path++)
		if (*pattern != *path)
			return false;
	if (*pattern == '{') {
		size_t n = strcspn(path, "/");

		if (n == 0 || n >= HTTP_ARG_MAX || strcmp(pattern + 2, path + n) != 0)
			return false;
		memcpy(arg, path, n);
		arg[n] = '\0';
		return true;
	}
	return *path == '\0';
}

int routes_find(struct http_request *q, struct refusal *r, char allow[64])
{
	int n = 0;

	allow[0] = '\0';
	q->route = ROUTE_NONE;
	for (int i = 0; i < ROUTE_NONE; i++) {
		const char *method = routes[i].method;

		if (!fits(routes[i].path, q->path, q->arg))
			continue;
		if (strcmp(method, q->method) == 0) {
			q->route = i;
			q->handler = routes[i].handler;
			allow[0] = '\0';
			return 0;
		}
		n += snprintf(allow + n, 64 - (size_t)n, "%s%s%s", n > 0 ? ", " : "", method,
		    strcmp(method, "GET") == 0 ? ", HEAD" : "");
	}
	if (n == 0)
		return refuse(r, P_ROUTE_UNKNOWN, "See /openapi.yaml for the paths that are served.");
	return refuse(r, P_METHOD_NOT_ALLOWED, "This path takes %s.", allow);
}
