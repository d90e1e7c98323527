#include "verdict/wrapper.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define MAX_WORDS 24
#define MAX_WORD 24

struct words {
	char word[MAX_WORDS][MAX_WORD];
	size_t nr;
};

static const char *const allocating[] = {
	"alloc",   "malloc",  "calloc",  "realloc",  "allocate", "allocation", "reallocate",
	"zalloc",  "palloc",  "salloc",  "memalign", "xmalloc",  "xcalloc",    "xrealloc",
	"xzalloc", "zmalloc", "zcalloc", "zrealloc", "emalloc",  "kmalloc",    "ymalloc",
	"strdup",  "strndup", "xstrdup", "xstrndup", "memdup",   "xmemdup",    NULL,
};
static const char *const providers[] = {
	"pool",    "arena",   "slab", "slabs",  "allocator", "freelist", "mempool",
	"objpool", "obstack", "zone", "memory", "heap",      NULL,
};
static const char *const providing[] = {
	"get",    "take",   "acquire", "obtain", "new",  "make",  "create", "grow",      "refill",
	"expand", "extend", "reserve", "add",    "more", "fetch", "borrow", "construct", NULL,
};
/* Words that say nothing about what is allocated. */
static const char *const plain[] = {
	"x",    "z",       "s",       "g",     "my",     "mem",   "memory",   "safe",   "checked", "or",    "die",
	"fail", "abort",   "raw",     "block", "blocks", "bytes", "chunk",    "chunks", "page",    "pages", "buf",
	"zero", "zeroed",  "aligned", "array", "try",    "do",    "internal", "impl",   "slow",    "fast",  "custom",
	"wrap", "wrapper", "util",    "utils", "sys",    "os",    "default",  "object", "objects", "obj",   "free",
	"list", "n",       "nr",      "size",  "sized",  "from",  "to",       "the",    "std",     "node",  NULL,
};

static bool is_in(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcasecmp(word, *list))
			return true;
	return false;
}

static void add_letter(struct words *w, char c, bool starts)
{
	size_t len;

	if (starts && w->nr < MAX_WORDS && (w->nr == 0 || w->word[w->nr - 1][0]))
		w->word[w->nr++][0] = '\0';
	if (!w->nr)
		return;
	len = strlen(w->word[w->nr - 1]);
	if (len + 1 < MAX_WORD) {
		w->word[w->nr - 1][len] = (char)tolower((unsigned char)c);
		w->word[w->nr - 1][len + 1] = '\0';
	}
}

/* "Pool<int>::addChunk(int)" gives pool, add, chunk: template arguments and parameters say nothing. */
static void split(const char *name, struct words *w)
{
	bool was_word = false, was_lower = false;
	int depth = 0;

	memset(w, 0, sizeof(*w));
	for (; *name && *name != '('; name++) {
		unsigned char c = (unsigned char)*name;

		if (c == '<' || c == '>') {
			depth += c == '<' ? 1 : depth > 0 ? -1 : 0;
			was_word = false;
		} else if (!isalpha(c) || depth > 0) {
			was_word = false;
		} else {
			add_letter(w, (char)c, !was_word || (isupper(c) && was_lower));
			was_word = true;
			was_lower = islower(c);
		}
	}
}

bool wrapper_by_name(const char *function)
{
	bool allocates = false, provides = false, is_provider = false, says_what = false;
	struct words w;

	split(function, &w);
	for (size_t i = 0; i < w.nr; i++) {
		const char *word = w.word[i];

		if (is_in(word, allocating))
			allocates = true;
		else if (is_in(word, providers))
			is_provider = true;
		else if (is_in(word, providing))
			provides = true;
		else if (!is_in(word, plain))
			says_what = true;
	}
	return is_provider ? allocates || provides : allocates && !says_what;
}
