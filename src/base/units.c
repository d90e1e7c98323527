#include "base/base.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

/* Digits, at most one point; moves *text behind it. No strtod: it takes hex, "inf" and the locale's comma. */
static bool parse_decimal(const char **text, uint64_t *whole, double *fraction)
{
	const char *p = *text;
	double scale = 1;
	bool has_digits = false;

	*whole = 0;
	*fraction = 0;
	for (; isdigit((unsigned char)*p); p++, has_digits = true)
		if (__builtin_mul_overflow(*whole, 10u, whole) ||
		    __builtin_add_overflow(*whole, (uint64_t)(*p - '0'), whole))
			return false;
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p); p++, has_digits = true)
			*fraction += (*p - '0') * (scale /= 10);
	*text = p;
	return has_digits;
}

static bool bytes_shift(const char *suffix, unsigned *shift)
{
	static const char units[] = "KMGT";
	const char *unit = *suffix ? strchr(units, toupper((unsigned char)*suffix)) : NULL;

	*shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (unit)
		suffix++;
	return !*suffix || !strcasecmp(suffix, "b") || (unit && !strcasecmp(suffix, "ib"));
}

bool seep_parse_bytes(const char *text, uint64_t *out)
{
	uint64_t whole, bytes;
	double fraction;
	unsigned shift;

	if (!parse_decimal(&text, &whole, &fraction) || !bytes_shift(text, &shift))
		return false;
	if (__builtin_mul_overflow(whole, (uint64_t)1 << shift, &bytes) ||
	    __builtin_add_overflow(bytes, (uint64_t)(fraction * (double)((uint64_t)1 << shift)), &bytes))
		return false;
	*out = bytes;
	return true;
}

bool seep_parse_seconds(const char *text, double *out)
{
	static const struct {
		const char *suffix;
		double seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { "ms", 0.001 } };
	uint64_t whole;
	double fraction;

	if (!parse_decimal(&text, &whole, &fraction))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(text, units[i].suffix)) {
			*out = ((double)whole + fraction) * units[i].seconds;
			return true;
		}
	return false;
}

char *seep_format_bytes(char out[SEEP_UNIT_MAX], double bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	size_t unit = 0, len;

	if (!isfinite(bytes)) {
		strcpy(out, "-");
		return out;
	}
	while (unit + 1 < ARRAY_SIZE(units) && fabs(bytes) >= 1024) {
		bytes /= 1024;
		unit++;
	}
	if (fabs(bytes) < 0.005)
		bytes = 0;
	snprintf(out, SEEP_UNIT_MAX - 2, "%.2f", fabs(bytes) < 1e18 ? bytes : copysign(1e18, bytes));
	len = strlen(out);
	if (len > 3 && !strcmp(out + len - 3, ".00"))
		out[len - 3] = 0;
	return strcat(out, units[unit]);
}

static char *two_units(char *out, const char *sign, double large, char large_unit, double small, char small_unit)
{
	if (small > 0)
		snprintf(out, SEEP_UNIT_MAX, "%s%.0f%c%.0f%c", sign, large, large_unit, small, small_unit);
	else
		snprintf(out, SEEP_UNIT_MAX, "%s%.0f%c", sign, large, large_unit);
	return out;
}

/* Rounded to the smallest unit shown first, so that 59.9 s is "1m" and never "60s". */
char *seep_format_seconds(char out[SEEP_UNIT_MAX], double seconds)
{
	const char *sign = seconds < 0 ? "-" : "";
	double s = fabs(seconds), units;

	if (!isfinite(s))
		return strcpy(out, "-");
	if (s < 0.0005)
		return strcpy(out, "0s");
	if (s < 0.9995) {
		snprintf(out, SEEP_UNIT_MAX, "%s%.0fms", sign, s * 1000);
		return out;
	}
	units = round(s);
	if (units < 60)
		return two_units(out, sign, units, 's', 0, 0);
	if (units < 600)
		return two_units(out, sign, floor(units / 60), 'm', fmod(units, 60), 's');
	units = round(s / 60);
	if (units < 60)
		return two_units(out, sign, units, 'm', 0, 0);
	if (units < 24 * 60)
		return two_units(out, sign, floor(units / 60), 'h', fmod(units, 60), 'm');
	units = fmin(round(s / 3600), 1e15);
	return two_units(out, sign, floor(units / 24), 'd', fmod(units, 24), 'h');
}

char *seep_format_count(char out[SEEP_UNIT_MAX], double count)
{
	char digits[SEEP_UNIT_MAX], *to = out;
	size_t nr;

	if (!isfinite(count))
		return strcpy(out, "-");
	snprintf(digits, sizeof(digits), "%" PRIu64, (uint64_t)round(fmin(fabs(count), 1e18)));
	nr = strlen(digits);
	if (count <= -0.5)
		*to++ = '-';
	for (size_t i = 0; i < nr; i++) {
		if (i && (nr - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = 0;
	return out;
}

char *seep_format_hex(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = 0;
	return out;
}
