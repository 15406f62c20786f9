/* number - see number.h. The one C++ file: the C library has no exact and locale-free pair. */
#include "workers/pipeline/number.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

const double pow10_double[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

const uint64_t pow10_int[] = { 1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u,
	1000000000u, 10000000000u, 100000000000u, 1000000000000u, 10000000000000u, 100000000000000u,
	1000000000000000u, 10000000000000000u, 100000000000000000u, 1000000000000000000u,
	10000000000000000000u };

/* 10^q shifted up to its highest bit, and its reciprocal as divide_by_pow10 wants it. */
struct divisor {
	uint64_t d, v;
	int shift;
};

constexpr divisor make_divisor(uint64_t d)
{
	int shift = __builtin_clzll(d);

	d <<= shift;
	return { d, static_cast<uint64_t>(~static_cast<unsigned __int128>(0) / d), shift };
}

constexpr divisor divisors[] = { make_divisor(1), make_divisor(10), make_divisor(100), make_divisor(1000),
	make_divisor(10000), make_divisor(100000), make_divisor(1000000), make_divisor(10000000),
	make_divisor(100000000), make_divisor(1000000000), make_divisor(10000000000), make_divisor(100000000000),
	make_divisor(1000000000000), make_divisor(10000000000000), make_divisor(100000000000000),
	make_divisor(1000000000000000), make_divisor(10000000000000000), make_divisor(100000000000000000),
	make_divisor(1000000000000000000), make_divisor(10000000000000000000u) };

/*
 * w / 10^q for 0 < q <= 19, correctly rounded: both are scaled to 64 bits, divided as integers,
 * and the remainder breaks what would look like a tie. The result is far from under- and overflow.
 * The division of 128 by 64 bits is by multiplication: N. Moeller and T. Granlund, "Improved Division
 * by Invariant Integers", 2011, algorithm 4.
 */
inline double divide_by_pow10(uint64_t w, unsigned q)
{
	const divisor &by = divisors[q];
	int w_shift = __builtin_clzll(w), exponent = by.shift - w_shift;
	uint64_t high = w << w_shift, low, over, quotient, rest, less, mantissa, bits;
	unsigned __int128 product;
	double scale;

	over = high >= by.d;	/* keep the quotient within 64 bits */
	low = over ? high << 63 : 0;
	high >>= over;
	exponent += static_cast<int>(over);
	product = static_cast<unsigned __int128>(by.v) * high + (static_cast<unsigned __int128>(high) << 64 | low);
	quotient = static_cast<uint64_t>(product >> 64) + 1;
	rest = low - quotient * by.d;
	less = -static_cast<uint64_t>(rest > static_cast<uint64_t>(product));	/* half of the time */
	quotient += less;
	rest += less & by.d;
	if (__builtin_expect(rest >= by.d, 0)) {
		quotient++;
		rest -= by.d;
	}
	/* In [2^63, 2^64): eleven bits too many. */
	mantissa = quotient >> 11;
	quotient &= 0x7ff;
	mantissa += (quotient > 0x400) | ((quotient == 0x400) & ((rest != 0) | (mantissa & 1)));
	bits = static_cast<uint64_t>(exponent - 53 + 1023) << 52;
	memcpy(&scale, &bits, sizeof(scale));	/* a power of two: the product is exact */
	return static_cast<double>(static_cast<int64_t>(mantissa)) * scale;
}

/* w / 10^scale, scale <= digits <= 19, w of so many. By digits, not by value: those of neighbours are alike. */
inline double to_double(uint64_t w, size_t digits, size_t scale)
{
	if (digits <= 15)	/* exact both: rounded once */
		return static_cast<double>(static_cast<int64_t>(w)) / pow10_double[scale];
	if (scale == 0 || w == 0)
		return static_cast<double>(w);
	return divide_by_pow10(w, static_cast<unsigned>(scale));
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

/* The first eight of n > 0 bytes, the first one lowest; zeros behind fewer. */
inline uint64_t load_text(const char *p, size_t n)
{
	uint64_t d = 0;
	uint32_t low, high;

	if (n >= 8) {
		memcpy(&d, p, 8);
	} else if (n >= 4) {
		memcpy(&low, p, 4);
		memcpy(&high, p + n - 4, 4);
		d = low | static_cast<uint64_t>(high) << 8 * (n - 4);
	} else {
		for (size_t i = n; i-- > 0;)
			d = d << 8 | static_cast<unsigned char>(p[i]);
	}
	return d;
}

/* The number that eight digits say, the first in the lowest byte; only the lower halves of bytes count. */
inline uint64_t join_digits(uint64_t d)
{
	d = (d & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;	/* pairs, fours, eight */
	d = (d & 0x00ff00ff00ff00ff) * 6553601 >> 16;
	return (d & 0x0000ffff0000ffff) * 42949672960001 >> 32;
}

/* The number that the n highest bytes of d say, 1 <= n <= 8; *ok turns false unless all are digits. */
inline uint64_t read_digits(uint64_t d, size_t n, bool *ok)
{
	d = d >> 8 * (8 - n) << 8 * (8 - n) | (n < 8 ? 0x3030303030303030 >> 8 * n : 0);
	*ok &= (((d + 0x4646464646464646) | (d - 0x3030303030303030)) & 0x8080808080808080) == 0;
	return join_digits(d);
}

/*
 * Numbers as coordinates are: up to eight digits, a point, more digits, eighteen at most. Eight are read
 * at a time, since a loop's end is a wrong guess for each. False: some other number.
 */
inline bool read_plain(const char *p, size_t n, uint64_t *w, int *digits, int *scale)
{
	uint64_t d = load_text(p, n), dots = d ^ 0x2e2e2e2e2e2e2e2e, before;
	size_t whole, rest;
	bool ok = true;

	dots = (dots - 0x0101010101010101) & ~dots & 0x8080808080808080;	/* the lowest is right */
	if ((dots == 0 && (n < 10 || p[8] != '.')) || n > 19)
		return false;
	whole = dots != 0 ? static_cast<size_t>(__builtin_ctzll(dots)) / 8 : 8;
	if (whole == 0 || whole + 1 == n)
		return false;
	*digits = static_cast<int>(n - 1);
	*scale = static_cast<int>(n - 1 - whole);
	if (dots != 0) {	/* pull out the point: seven digits, or as many as there are */
		before = (dots >> 7) - 1;
		d = (d & before) | (d >> 8 & ~before);
	}
	if (n <= 8) {
		*w = read_digits(d << 8 * (9 - n), n - 1, &ok);
		return ok;
	}
	*w = dots != 0 ? read_digits(d << 8, 7, &ok) : read_digits(d, 8, &ok);
	rest = n - (dots != 0 ? 8 : 9);
	if (rest > 8) {
		*w = *w * 100000000 + read_digits(load_text(p + n - rest, 8), 8, &ok);
		rest -= 8;
	}
	*w = *w * pow10_int[rest] + read_digits(load_text(p + n - 8, 8), rest, &ok);
	return ok;
}

/* How many of eight bytes are digits before one that is none. */
inline size_t count_digits(uint64_t d)
{
	d ^= 0x3030303030303030;
	d = (((d & 0x7f7f7f7f7f7f7f7f) + 0x7676767676767676) | d) & 0x8080808080808080;
	return d != 0 ? static_cast<size_t>(__builtin_ctzll(d)) / 8 : 8;
}

/* The number that the first n <= 8 of eight bytes say, which are digits. */
inline uint64_t first_digits(uint64_t d, size_t n)
{
	return n > 0 ? join_digits(d << 8 * (8 - n)) : 0;
}

/* number_read, with enough bytes at p. */
inline size_t read_usual(const char *text, double *out)
{
	bool negative = *text == '-';
	const char *p = text + negative;
	uint64_t d = load_text(p, 8), w;
	size_t whole = count_digits(d), places = 0, more;
	double v;

	if (whole == 0 || (*p == '0' && whole > 1))
		return 0;
	w = first_digits(d, whole);
	p += whole;
	if (*p == '.') {
		d = load_text(++p, 8);
		if ((places = count_digits(d)) == 0)
			return 0;
		w = w * pow10_int[places] + first_digits(d, places);
		p += places;
		if (places == 8) {
			d = load_text(p, 8);
			more = count_digits(d);
			w = w * pow10_int[more] + first_digits(d, more);
			p += more;
			places += more;
		}
	}
	if ((*p >= '0' && *p <= '9') || (*p | 0x20) == 'e' || whole + places > 19)
		return 0;
	v = to_double(w, whole + places, places);
	*out = negative ? -v : v;
	return static_cast<size_t>(p - text);
}

#else

inline bool read_plain(const char *, size_t, uint64_t *, int *, int *)
{
	return false;
}

inline size_t read_usual(const char *, double *)
{
	return 0;
}

#endif

/* What is left: long mantissas, large exponents. */
bool parse_slow(const char *text, size_t len, double *out)
{
	double v = 0;
	std::from_chars_result r = std::from_chars(text, text + len, v);

	if (r.ec == std::errc())
		return std::isfinite(v) ? (*out = v, true) : false;
	/* Out of range says neither which way; the position of the first digit that counts does. */
	long exponent = 0, point = 0;
	bool seen_point = false, significant = false;
	const char *p = text, *end = text + len;

	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.')
			seen_point = true;
		else if (*p >= '0' && *p <= '9') {
			significant |= *p != '0';
			if (significant && !seen_point)
				point++;
			else if (!significant && seen_point)
				point--;
		}
	}
	if (p < end && ++p < end) {
		bool negative = *p == '-';

		for (p += *p == '-' || *p == '+'; p < end && exponent < 1000000000; p++)
			exponent = exponent * 10 + (*p - '0');
		exponent = negative ? -exponent : exponent;
	}
	if (significant && point + exponent > 0)
		return false;
	*out = text[0] == '-' ? -0.0 : 0.0;
	return true;
}

/* 1e-07 and 1e+21 are 1e-7 and 1e21. */
size_t shorten_exponent(char *text, size_t len)
{
	char *e = static_cast<char *>(memchr(text, 'e', len)) + 1;
	char *digits = e + 1;	/* behind the sign, which is always there */

	digits += *digits == '0';
	if (*e == '-')
		e++;
	memmove(e, digits, static_cast<size_t>(text + len - digits));
	return len - static_cast<size_t>(digits - e);
}

/* The eight digits of i, the first in the lowest byte: 0 to 9 each. */
inline uint64_t spread_digits(uint32_t i)
{
	uint64_t fours = i / 10000 | static_cast<uint64_t>(i % 10000) << 32;
	uint64_t pairs = (fours * 10486 >> 20) & 0x0000007f0000007f;	/* / 100 */

	pairs |= (fours - pairs * 100) << 16;
	uint64_t ones = (pairs * 103 >> 10) & 0x000f000f000f000f;	/* / 10 */

	return ones | (pairs - ones * 10) << 8;
}

/* Writes what spread_digits made as text. */
inline void store_digits(uint64_t d, char *out)
{
	d |= 0x3030303030303030;
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		d = __builtin_bswap64(d);
	memcpy(out, &d, 8);
}

inline size_t write_whole(uint64_t i, char *out)
{
	uint64_t d = spread_digits(static_cast<uint32_t>(i % 100000000));
	size_t n;

	if (i >= 100000000) {
		n = write_whole(i / 100000000, out);
		store_digits(d, out + n);
		return n + 8;
	}
	n = i != 0 ? 8 - static_cast<size_t>(__builtin_ctzll(d)) / 8 : 1;
	store_digits(d >> 8 * (8 - n), out);
	return n;
}

/*
 * The decimal i / 10^k as plain digits, k <= 18, `whole` of which stands before the point. Numbers
 * have as many digits as chance will have it, and a wrong guess costs more than the work: so eight
 * are made and written at a time, and only those that are needed count.
 */
inline size_t write_fixed(uint64_t whole, uint64_t i, unsigned k, bool negative, char *out)
{
	uint64_t high, low, last;
	char *begin = out, *end;

	*out = '-';
	out += negative;
	out += write_whole(whole, out);
	*out = '.';
	i -= whole * pow10_int[k];
	end = out + 1;
	if (k > 16) {	/* 0.0…: the first eight of 24 places */
		store_digits(spread_digits(static_cast<uint32_t>(i / pow10_int[k - 8])), end);
		end += 8;
		i %= pow10_int[k - 8];
		k -= 8;
	}
	i *= pow10_int[16 - k];
	high = spread_digits(static_cast<uint32_t>(i / 100000000));
	low = spread_digits(static_cast<uint32_t>(i % 100000000));
	store_digits(high, end);
	store_digits(low, end + 8);
	last = low != 0 ? low : high;
	end += low != 0 ? 16 : 8;
	if (last == 0)
		return static_cast<size_t>(out - begin);
	return static_cast<size_t>(end - begin) - static_cast<size_t>(__builtin_clzll(last)) / 8;
}

/* Is a number nearer to the whole one above it? Ties go to the even one. */
inline bool rounds_up(uint64_t whole, uint64_t rest, uint64_t half)
{
	return (rest > half) | ((rest == half) & (whole & 1));
}

/*
 * The shortest decimal nearest to m * 2^-s, not whole, 2^52 < m < 2^53, 1 <= s <= 59: *i / 10^*k.
 *
 * All decimals between the middles to the neighbouring doubles read back as this one. At k places,
 * the first where a step is less than the doubles' distance, there is one in any case; digits are
 * then dropped for as long as one is left. All is whole in units of 2^-(s + 1) / 10^k: the number
 * is 2 * m * 10^k, the middles are 10^k away, and a step is 2^(s + 1), 10^k less than five of it.
 */
inline void shortest(uint64_t m, unsigned s, uint64_t *i, unsigned *k)
{
	unsigned places = s * 1233 / 4096 + 1;		/* s * log10(2), which is never whole */
	int64_t middle = static_cast<int64_t>(pow10_int[places]), step = INT64_C(1) << (s + 1), rest;
	unsigned __int128 number = static_cast<unsigned __int128>(2 * m) * static_cast<uint64_t>(middle);
	bool outside = m & 1, shorter;	/* a middle reads as the even one of its neighbours */
	uint64_t low, high, whole, tenth, power = 100;

	whole = static_cast<uint64_t>(number >> 64) << (63 - s) | static_cast<uint64_t>(number) >> (s + 1);
	rest = static_cast<int64_t>(number) & (step - 1);
	low = whole + static_cast<uint64_t>((rest - middle + step - 1 + outside) >> (s + 1));
	high = whole + static_cast<uint64_t>((rest + middle - outside) >> (s + 1));
	/* Of those that are left the nearest; it is between the same middles. */
	if (high / 100 * 100 < low) {	/* one digit or none can go: no telling which, so both are made */
		shorter = high / 10 * 10 >= low;
		tenth = whole / 10;
		tenth += rounds_up(tenth, 2 * (whole % 10) + (rest != 0), 10);
		whole += rounds_up(whole, static_cast<uint64_t>(rest), UINT64_C(1) << s);
		*i = whole ^ ((whole ^ tenth) & -static_cast<uint64_t>(shorter));
		*k = places - shorter;
		return;
	}
	for (*k = places - 2; high / (10 * power) * (10 * power) >= low; --*k)
		power *= 10;
	*i = whole / power;
	*i += rounds_up(*i, 2 * (whole % power) + (rest != 0), power);
}

}

enum number_state number_step(enum number_state state, char c)
{
	bool digit = c >= '0' && c <= '9', e = c == 'e' || c == 'E';

	switch (state) {
	case NUMBER_NONE:
		return c == '-' ? NUMBER_MINUS : c == '0' ? NUMBER_ZERO : digit ? NUMBER_INTEGER : NUMBER_NONE;
	case NUMBER_MINUS:
		return c == '0' ? NUMBER_ZERO : digit ? NUMBER_INTEGER : NUMBER_NONE;
	case NUMBER_ZERO:
		return c == '.' ? NUMBER_POINT : e ? NUMBER_EXPONENT : NUMBER_NONE;
	case NUMBER_INTEGER:
		return digit ? NUMBER_INTEGER : c == '.' ? NUMBER_POINT : e ? NUMBER_EXPONENT : NUMBER_NONE;
	case NUMBER_POINT:
		return digit ? NUMBER_FRACTION : NUMBER_NONE;
	case NUMBER_FRACTION:
		return digit ? NUMBER_FRACTION : e ? NUMBER_EXPONENT : NUMBER_NONE;
	case NUMBER_EXPONENT:
		return digit ? NUMBER_POWER : c == '-' || c == '+' ? NUMBER_SIGN : NUMBER_NONE;
	default:
		return digit ? NUMBER_POWER : NUMBER_NONE;
	}
}

bool number_may_end(enum number_state state)
{
	return state == NUMBER_ZERO || state == NUMBER_INTEGER || state == NUMBER_FRACTION || state == NUMBER_POWER;
}

size_t number_read(const char *text, size_t n, double *out)
{
	return n < NUMBER_READ_ROOM ? 0 : read_usual(text, out);
}

bool number_parse(const char *text, size_t len, double *out)
{
	bool negative = len > 0 && *text == '-';
	const char *end = text + len, *p = text + negative;
	uint64_t w = 0;
	int digits = 0, scale = 0;
	double v;

	if (p == end || !read_plain(p, static_cast<size_t>(end - p), &w, &digits, &scale)) {
		w = 0;
		digits = scale = 0;
		for (bool point = false; p < end && (*p == '.' || static_cast<unsigned char>(*p - '0') <= 9); p++)
			if (*p == '.') {
				point = true;
			} else {
				w = w * 10 + static_cast<uint64_t>(*p - '0');
				digits++;
				scale += point;
			}
		if (p != end || digits > 19)	/* an exponent, or w has wrapped */
			return parse_slow(text, len, out);
	}
	v = to_double(w, static_cast<size_t>(digits), static_cast<size_t>(scale));
	*out = negative ? -v : v;
	return true;
}

size_t number_format(double v, char out[NUMBER_TEXT_MAX])
{
	double a = std::fabs(v);
	bool negative = std::signbit(v);
	uint64_t bits, whole, m, i;
	unsigned k;

	if (a < 1e15) {
		/* Signed: the conversion is one instruction then. */
		whole = static_cast<uint64_t>(static_cast<int64_t>(a));
		if (static_cast<double>(static_cast<int64_t>(whole)) == a) {
			*out = '-';
			return negative + write_whole(whole, out + negative);
		}
		/*
		 * Decimals of up to 15 digits: two of them never share a double, so one that reads
		 * back is the shortest. i and 10^12 are exact as doubles, so the division reads it.
		 */
		if (a >= 1e-3 && a < 1e3) {
			i = static_cast<uint64_t>(static_cast<int64_t>(a * 1e12 + 0.5));
			if (static_cast<double>(static_cast<int64_t>(i)) / 1e12 == a)
				return write_fixed(whole, i, 12, negative, out);
		}
		memcpy(&bits, &a, sizeof(bits));
		m = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
		/* A power of two has neighbours of two distances. */
		if (a >= 0x1p-7 && m != UINT64_C(1) << 52) {
			shortest(m, static_cast<unsigned>(1075 - (bits >> 52)), &i, &k);
			return write_fixed(whole, i, k, negative, out);
		}
	}
	if (a >= 1e-6 && a < 1e21)
		return static_cast<size_t>(std::to_chars(out, out + NUMBER_TEXT_MAX, v,
		    std::chars_format::fixed).ptr - out);
	return shorten_exponent(out, static_cast<size_t>(std::to_chars(out, out + NUMBER_TEXT_MAX, v,
	    std::chars_format::scientific).ptr - out));
}
