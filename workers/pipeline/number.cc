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

/*
 * w / 10^q for 0 < q <= 19, correctly rounded: both are scaled to 64 bits, divided as integers,
 * and the remainder breaks what would look like a tie. The result is far from under- and overflow.
 */
double divide_by_pow10(uint64_t w, unsigned q)
{
	uint64_t d = pow10_int[q], high, low = 0, quotient, mantissa, rest;
	int w_shift = __builtin_clzll(w), d_shift = __builtin_clzll(d);
	int exponent = d_shift - w_shift;

	high = w << w_shift;
	d <<= d_shift;
	if (high >= d) {	/* keep the quotient within 64 bits */
		low = high << 63;
		high >>= 1;
		exponent++;
	}
	unsigned __int128 n = static_cast<unsigned __int128>(high) << 64 | low;

	quotient = static_cast<uint64_t>(n / d);	/* in [2^63, 2^64) */
	rest = quotient & 0x7ff;
	mantissa = quotient >> 11;
	if (rest > 0x400 || (rest == 0x400 && (static_cast<uint64_t>(n) != quotient * d || (mantissa & 1))))
		mantissa++;
	uint64_t bits = static_cast<uint64_t>(exponent - 53 + 1023) << 52;
	double scale;

	memcpy(&scale, &bits, sizeof(scale));	/* a power of two: the product is exact */
	return static_cast<double>(mantissa) * scale;
}

/* Appends the digits at p to w; returns where they end. Eight at a time where so many stand there. */
inline const char *take_digits(const char *p, const char *end, uint64_t *w)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (uint64_t d; end - p >= 8; p += 8) {
		memcpy(&d, p, 8);
		if ((((d + 0x4646464646464646) | (d - 0x3030303030303030)) & 0x8080808080808080) != 0)
			break;
		d = (d & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;	/* pairs, fours, eight */
		d = (d & 0x00ff00ff00ff00ff) * 6553601 >> 16;
		d = (d & 0x0000ffff0000ffff) * 42949672960001 >> 32;
		*w = *w * 100000000 + d;
	}
	if (uint32_t d; end - p >= 4) {
		memcpy(&d, p, 4);
		if ((((d + 0x46464646) | (d - 0x30303030)) & 0x80808080) == 0) {
			d = (d & 0x0f0f0f0f) * 2561 >> 8;
			d = (d & 0x00ff00ff) * 6553601 >> 16;
			*w = *w * 10000 + d;
			p += 4;
		}
	}
#endif
	for (; p < end && static_cast<unsigned char>(*p - '0') <= 9; p++)
		*w = *w * 10 + static_cast<uint64_t>(*p - '0');
	return p;
}

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

/* The decimal i / 10^k as plain digits, k <= 15. */
size_t write_fixed(uint64_t i, unsigned k, bool negative, char *out)
{
	char digits[24];
	size_t n = 0, len = 0;

	for (; k > 0 && i % 10 == 0; k--)
		i /= 10;
	for (; i > 0 || n <= k; i /= 10)
		digits[n++] = static_cast<char>('0' + i % 10);
	if (negative)
		out[len++] = '-';
	while (n > 0) {
		if (n == k)
			out[len++] = '.';
		out[len++] = digits[--n];
	}
	return len;
}

}

bool number_parse(const char *text, size_t len, double *out)
{
	const char *end = text + len, *p = text;
	bool negative = len > 0 && *p == '-';
	uint64_t w = 0;
	int digits, scale = 0;
	double v;

	p += negative;
	digits = static_cast<int>(end - p);
	for (; p < end && static_cast<unsigned char>(*p - '0') <= 9; p++)
		w = w * 10 + static_cast<uint64_t>(*p - '0');
	if (p < end && *p == '.') {
		scale = static_cast<int>(end - ++p);
		digits--;
		p = take_digits(p, end, &w);
	}
	if (p != end || digits > 19)	/* an exponent, or w has wrapped */
		return parse_slow(text, len, out);
	if (w <= UINT64_C(1) << 53)
		v = static_cast<double>(w) / pow10_double[scale];	/* both exact: rounded once */
	else if (scale == 0)
		v = static_cast<double>(w);
	else
		v = divide_by_pow10(w, static_cast<unsigned>(scale));
	*out = negative ? -v : v;
	return true;
}

size_t number_format(double v, char out[NUMBER_TEXT_MAX])
{
	double a = std::fabs(v);

	/*
	 * Decimals of up to 15 digits: two of them never share a double, so one that reads
	 * back is the shortest. i and 10^12 are exact as doubles, so the division reads it.
	 */
	if (a >= 1e-3 && a < 1e3) {
		uint64_t i = static_cast<uint64_t>(a * 1e12 + 0.5);

		if (static_cast<double>(i) / 1e12 == a)
			return write_fixed(i, 12, v < 0, out);
	} else if (a == 0 || (a < 1e15 && a == std::floor(a))) {
		return write_fixed(static_cast<uint64_t>(a), 0, std::signbit(v), out);
	}
	if (a >= 1e-6 && a < 1e21)
		return static_cast<size_t>(std::to_chars(out, out + NUMBER_TEXT_MAX, v,
		    std::chars_format::fixed).ptr - out);
	return shorten_exponent(out, static_cast<size_t>(std::to_chars(out, out + NUMBER_TEXT_MAX, v,
	    std::chars_format::scientific).ptr - out));
}
