/* cgroup - see cgroup.h. */
#include "workers/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_LIMIT ((uint64_t)1 << 60)	/* version 1 writes a page less than 2^63 for "none" */
#define OTHERS_BYTES ((uint64_t)48 << 20)	/* supervisor, janitor, page tables, socket buffers */
#define LEAST_BYTES ((uint64_t)64 << 20)

/* The number in a file; NO_LIMIT where there is no such file, or it says "max". */
static uint64_t number_in(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long n;
	uint64_t limit = NO_LIMIT;

	if (f == NULL)
		return NO_LIMIT;
	if (fscanf(f, "%llu", &n) == 1 && n < NO_LIMIT)
		limit = n;
	fclose(f);
	return limit;
}

/* The least limit of `group` and those above it. In a container the group's own name may lead nowhere: what is mounted
 * at the top is then the container's. */
static uint64_t least(const char *root, const char *mount, const char *group, const char *file)
{
	char path[PATH_MAX], at[PATH_MAX];
	uint64_t limit = NO_LIMIT, n;
	char *slash;

	if (snprintf(at, sizeof(at), "%s", strcmp(group, "/") == 0 ? "" : group) >= (int)sizeof(at))
		return NO_LIMIT;
	for (;;) {
		if (snprintf(path, sizeof(path), "%s%s%s/%s", root, mount, at, file) < (int)sizeof(path) &&
		    (n = number_in(path)) < limit)
			limit = n;
		if ((slash = strrchr(at, '/')) == NULL)
			return limit;
		*slash = '\0';
	}
}

/* "memory" among the controllers of a line, which commas part. */
static bool has_memory(char *controllers)
{
	char *rest = NULL;

	for (char *c = strtok_r(controllers, ",", &rest); c != NULL; c = strtok_r(NULL, ",", &rest))
		if (strcmp(c, "memory") == 0)
			return true;
	return false;
}

uint64_t cgroup_memory_bytes(const char *root)
{
	char path[PATH_MAX], line[PATH_MAX];
	uint64_t limit = NO_LIMIT, n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {	/* "4:memory:/a/b", "0::/a/b" */
		char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;

		if (group == NULL)
			continue;
		*group++ = '\0';
		group[strcspn(group, "\n")] = '\0';
		if (*++controllers == '\0')
			n = least(root, "/sys/fs/cgroup", group, "memory.max");
		else
			n = has_memory(controllers) ? least(root, "/sys/fs/cgroup/memory", group,
			    "memory.limit_in_bytes") : NO_LIMIT;
		if (n < limit)
			limit = n;
	}
	fclose(f);
	return limit == NO_LIMIT ? 0 : limit;
}

uint64_t cgroup_share_bytes(uint64_t bytes, unsigned n)
{
	uint64_t share = bytes > OTHERS_BYTES ? (bytes - OTHERS_BYTES) / n : 0;

	return share > LEAST_BYTES ? share : LEAST_BYTES;
}
