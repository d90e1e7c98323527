#include "profile/private.h"

#include <stdlib.h>
#include <string.h>

struct seep_strings *strings_new(void)
{
	return calloc(1, sizeof(struct seep_strings));
}

void strings_free(struct seep_strings *s)
{
	if (!s)
		return;
	index_release(&s->by_text);
	index_release(&s->functions);
	index_release(&s->locations);
	free(s->refs);
	free(s);
}

static uint32_t find(const struct seep_strings *s, uint64_t hash, const char *text, size_t len)
{
	size_t at = hash;
	uint32_t id;

	while ((id = index_next(&s->by_text, hash, &at)) != SEEP_NO_ID)
		if (s->refs[id].len == len && !memcmp(s->refs[id].text, text, len))
			break;
	return id;
}

static uint32_t add_clean(struct seep_profile *p, const char *text, size_t len)
{
	struct seep_strings *s = p->strings;
	uint64_t hash = seep_hash(text, len);
	uint32_t id = find(s, hash, text, len);
	char *copy;

	if (id != SEEP_NO_ID)
		return id;
	if (s->nr >= SEEP_NO_ID || !seep_grow(&s->refs, &s->cap, s->nr + 1, sizeof(*s->refs)))
		return SEEP_NO_ID;
	copy = seep_arena_strndup(&p->arena, text, len);
	if (!copy || !index_add(&s->by_text, hash, (uint32_t)s->nr))
		return SEEP_NO_ID;
	s->refs[s->nr] = (struct seep_text_ref){ copy, len };
	return (uint32_t)s->nr++;
}

static bool is_plain_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

/* Every byte may become a replacement character of three. */
uint32_t seep_profile_intern(struct seep_profile *p, const char *text, size_t len)
{
	size_t cap;
	uint32_t id;
	char *clean;

	if (is_plain_ascii(text, len))
		return add_clean(p, text, len);
	if (__builtin_mul_overflow(len, 3u, &cap) || cap == SIZE_MAX)
		return SEEP_NO_ID;
	clean = malloc(cap + 1);
	if (!clean)
		return SEEP_NO_ID;
	id = add_clean(p, clean, seep_text_clean(clean, cap + 1, text, len));
	free(clean);
	return id;
}

uint32_t seep_profile_intern_z(struct seep_profile *p, const char *text)
{
	return seep_profile_intern(p, text, strlen(text));
}

const char *seep_profile_str(const struct seep_profile *p, uint32_t id)
{
	return id < p->strings->nr ? p->strings->refs[id].text : "";
}

uint32_t seep_profile_nr_strings(const struct seep_profile *p)
{
	return (uint32_t)p->strings->nr;
}
