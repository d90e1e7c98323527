/* What the files of this folder share. */
#ifndef SEEP_PROFILE_PRIVATE_H
#define SEEP_PROFILE_PRIVATE_H

#include "profile/index.h"
#include "profile/profile.h"

struct seep_text_ref {
	const char *text; /* in the profile's arena */
	size_t len;
};

struct seep_strings {
	struct seep_text_ref *refs;
	size_t nr, cap;
	struct index by_text, functions, locations;
};

struct seep_strings *strings_new(void);
void strings_free(struct seep_strings *s);

#endif
