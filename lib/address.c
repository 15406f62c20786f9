/* address - see address.h. */
#include "lib/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RANGE_TEXT_MAX 64

/* Not globally reachable, or never a host: IANA's special-purpose registries, and multicast. */
static const char *const special[] = {
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
};

/* The same for IPv6: only 2000::/3 is given out at all; of that, these are not for hosts. */
static const char *const special6[] = { "2001::/23", "2001:db8::/32", "3fff::/20" };

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

static int range_parse(struct address_range *r, const char *text, size_t n)
{
	char copy[RANGE_TEXT_MAX], *slash, *end;
	unsigned char four[4];
	unsigned most = 128;
	long bits;

	if (n >= sizeof(copy))
		return -1;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if ((slash = strchr(copy, '/')) != NULL)
		*slash++ = '\0';
	if (inet_pton(AF_INET, copy, four) == 1) {
		memcpy(r->bytes, mapped, 12);
		memcpy(r->bytes + 12, four, 4);
		most = 32;
	} else if (inet_pton(AF_INET6, copy, r->bytes) != 1) {
		return -1;
	}
	r->bits = 128;
	if (slash != NULL) {
		if (*slash < '0' || *slash > '9')
			return -1;
		bits = strtol(slash, &end, 10);
		if (*end != '\0' || bits > (long)most)
			return -1;
		r->bits = 128 - most + (unsigned)bits;
	}
	return 0;
}

int address_ranges_parse(struct address_ranges *r, const char *text, struct err *e)
{
	static const char between[] = ", \t";
	size_t room = 1;

	for (const char *p = text; *p != '\0'; p++)
		room += *p == ',' || *p == ' ' || *p == '\t';
	r->count = 0;
	if ((r->list = calloc(room, sizeof(*r->list))) == NULL)
		return err_set(e, ERR_SYSTEM, 0, "out of memory");
	for (const char *p = text + strspn(text, between); *p != '\0'; p += strspn(p, between)) {
		size_t n = strcspn(p, between);

		if (range_parse(&r->list[r->count++], p, n) != 0) {
			address_ranges_clear(r);
			return err_set(e, ERR_INPUT, 0, "\"%.*s\" is no address range such as 10.0.0.0/8",
			    n < RANGE_TEXT_MAX ? (int)n : RANGE_TEXT_MAX, p);
		}
		p += n;
	}
	return 0;
}

void address_ranges_clear(struct address_ranges *r)
{
	free(r->list);
	r->list = NULL;
	r->count = 0;
}

static bool in_range(const struct address_range *r, const unsigned char a[16])
{
	unsigned whole = r->bits / 8, rest = r->bits % 8;

	if (memcmp(r->bytes, a, whole) != 0)
		return false;
	return rest == 0 || (r->bytes[whole] ^ a[whole]) >> (8 - rest) == 0;
}

static bool in_special(const char *const *ranges, size_t n, const unsigned char a[16])
{
	struct address_range r;

	for (size_t i = 0; i < n; i++)
		if (range_parse(&r, ranges[i], strlen(ranges[i])) == 0 && in_range(&r, a))
			return true;
	return false;
}

/* As it stands, an IPv4 address mapped. */
static bool plain_bytes_of(const struct sockaddr *a, unsigned char out[16])
{
	if (a->sa_family == AF_INET) {
		memcpy(out, mapped, 12);
		memcpy(out + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
		return true;
	}
	if (a->sa_family != AF_INET6)
		return false;
	memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
	return true;
}

/* The 16 bytes to judge a by, or false if it is no internet address. */
static bool bytes_of(const struct sockaddr *a, unsigned char out[16])
{
	if (!plain_bytes_of(a, out))
		return false;
	if (a->sa_family == AF_INET)
		return true;
	if (memcmp(out, nat64, 12) == 0) {
		memcpy(out, mapped, 12);
	} else if (out[0] == 0x20 && out[1] == 0x02) {	/* 6to4 */
		memmove(out + 12, out + 2, 4);
		memcpy(out, mapped, 12);
	}
	return true;
}

static bool in_any(const struct address_ranges *r, const unsigned char bytes[16])
{
	for (size_t i = 0; i < r->count; i++)
		if (in_range(&r->list[i], bytes))
			return true;
	return false;
}

bool address_in(const struct address_ranges *r, const struct sockaddr *a)
{
	unsigned char bytes[16];

	return bytes_of(a, bytes) && in_any(r, bytes);
}

bool address_is_in(const struct address_ranges *r, const struct sockaddr *a)
{
	unsigned char bytes[16];

	return plain_bytes_of(a, bytes) && in_any(r, bytes);
}

bool address_is_public(const struct sockaddr *a)
{
	unsigned char bytes[16];

	if (!bytes_of(a, bytes))
		return false;
	if (memcmp(bytes, mapped, 12) == 0)
		return !in_special(special, sizeof(special) / sizeof(*special), bytes);
	return bytes[0] >> 5 == 1 &&
	    !in_special(special6, sizeof(special6) / sizeof(*special6), bytes);
}
