#include "signature.h"

#include "readable.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NESTING 16
#define MAX_DEPTH 64
#define MAX_TYPES 1000

/* A name in the making. Types may refer to each other at will in a made-up file: `nr_types` bounds the work. */
struct writer {
	struct seep_buf b;
	unsigned nr_types;
};

static void add(struct writer *w, const char *text)
{
	seep_buf_add(&w->b, text, strlen(text));
}

static bool add_type(struct writer *w, Dwarf_Die *type, unsigned nesting);
static void add_arguments(struct writer *w, Dwarf_Die *function, bool *is_const, unsigned nesting);

/* What `attr` of an entry refers to; false when it has none. */
static bool refers_to(Dwarf_Die *die, unsigned attr, Dwarf_Die *out)
{
	Dwarf_Attribute value;

	return dwarf_attr_integrate(die, attr, &value) && dwarf_formref_die(&value, out);
}

bool signature_is_plain(Dwarf_Die *function)
{
	const char *name = dwarf_diename(function);
	Dwarf_Attribute attr;
	bool is_external = false;

	if (!name || !strncmp(name, "operator", 8) || dwarf_hasattr_integrate(function, DW_AT_linkage_name))
		return false;
	return dwarf_attr_integrate(function, DW_AT_external, &attr) && dwarf_formflag(&attr, &is_external) == 0 &&
	       is_external;
}

/* A type without a name is a lambda's where it holds the call operator: "{lambda(int)}". */
static bool add_lambda(struct writer *w, Dwarf_Die *type, unsigned nesting)
{
	Dwarf_Die member;

	if (dwarf_child(type, &member) != 0)
		return false;
	do {
		const char *name = dwarf_tag(&member) == DW_TAG_subprogram ? dwarf_diename(&member) : NULL;
		bool is_const;

		if (!name || strcmp(name, "operator()") != 0)
			continue;
		add(w, "{lambda");
		add_arguments(w, &member, &is_const, nesting);
		add(w, "}");
		return true;
	} while (dwarf_siblingof(&member, &member) == 0);
	return false;
}

static void add_scope(struct writer *w, Dwarf_Die *scope, unsigned nesting)
{
	const char *name = dwarf_diename(scope);
	int tag = dwarf_tag(scope);
	bool is_const;

	switch (tag) {
	case DW_TAG_namespace: add(w, name ? name : "(anonymous namespace)"); break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
		/* GCC names a lambda's type "<lambda(int)>". */
		if (name && *name != '<')
			add(w, name);
		else if (!add_lambda(w, scope, nesting))
			add(w, "{unnamed}");
		break;
	case DW_TAG_subprogram:
		add(w, name ? name : "{unnamed}");
		if (!signature_is_plain(scope))
			add_arguments(w, scope, &is_const, nesting);
		break;
	default: return;
	}
	add(w, "::");
}

/* Of the children of `parent` the one that is or holds the entry at `offset`: they stand in the order of their
 * offsets. */
static bool child_towards(Dwarf_Die *parent, Dwarf_Off offset, Dwarf_Die *out)
{
	Dwarf_Die child;

	if (dwarf_child(parent, &child) != 0 || dwarf_dieoffset(&child) > offset)
		return false;
	do {
		*out = child;
	} while (dwarf_siblingof(&child, &child) == 0 && dwarf_dieoffset(&child) <= offset);
	return true;
}

/* The scopes around an entry, outermost first. They stand around its declaration. */
static void add_scopes(struct writer *w, Dwarf_Die *die, unsigned nesting)
{
	Dwarf_Die declaration, scope, child;
	Dwarf_Off offset;

	if (!refers_to(die, DW_AT_specification, &declaration))
		declaration = *die;
	offset = dwarf_dieoffset(&declaration);
	if (!dwarf_diecu(&declaration, &scope, NULL, NULL))
		return;
	for (unsigned depth = 0; depth < MAX_DEPTH && child_towards(&scope, offset, &child); depth++) {
		if (dwarf_dieoffset(&child) == offset)
			break;
		add_scope(w, &child, nesting);
		scope = child;
	}
}

static const char *suffix_of(int tag)
{
	switch (tag) {
	case DW_TAG_pointer_type: return "*";
	case DW_TAG_reference_type: return "&";
	case DW_TAG_rvalue_reference_type: return "&&";
	case DW_TAG_const_type: return " const";
	case DW_TAG_volatile_type: return " volatile";
	default: return "";
	}
}

static bool is_nameless_type(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return !dwarf_diename(die) && (tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
	                               tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type);
}

/* A type made from another: pointers and such follow it, a typedef is what it stands for unless that has no name. */
static bool add_derived_type(struct writer *w, Dwarf_Die *type, unsigned nesting)
{
	Dwarf_Die inner;
	int tag = dwarf_tag(type);
	bool has_inner = refers_to(type, DW_AT_type, &inner);

	if (tag == DW_TAG_typedef && has_inner && is_nameless_type(&inner)) {
		add_scopes(w, type, nesting);
		add(w, dwarf_diename(type) ? dwarf_diename(type) : "{unnamed}");
		return true;
	}
	if (!add_type(w, has_inner ? &inner : NULL, nesting))
		return false;
	add(w, suffix_of(tag));
	return true;
}

static bool add_type(struct writer *w, Dwarf_Die *type, unsigned nesting)
{
	const char *name;

	if (nesting > MAX_NESTING || ++w->nr_types > MAX_TYPES)
		return false;
	if (!type) {
		add(w, "void");
		return true;
	}
	name = dwarf_diename(type);
	switch (dwarf_tag(type)) {
	case DW_TAG_base_type:
	case DW_TAG_unspecified_type: add(w, name ? name : "?"); return name != NULL;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
		add_scopes(w, type, nesting + 1);
		add(w, name && *name != '<' ? name : "");
		return (name && *name != '<') || add_lambda(w, type, nesting + 1);
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_typedef: return add_derived_type(w, type, nesting + 1);
	default: return false;
	}
}

/* Const of an argument itself is no part of the function's type. */
static void without_own_qualifiers(Dwarf_Die *type)
{
	Dwarf_Die inner;

	while ((dwarf_tag(type) == DW_TAG_const_type || dwarf_tag(type) == DW_TAG_volatile_type) &&
	       refers_to(type, DW_AT_type, &inner))
		*type = inner;
}

static bool is_this(Dwarf_Die *argument)
{
	Dwarf_Attribute attr;
	bool is_artificial = false;

	return dwarf_attr_integrate(argument, DW_AT_artificial, &attr) && dwarf_formflag(&attr, &is_artificial) == 0 &&
	       is_artificial;
}

/* The object of a const method is behind a pointer to const. */
static bool is_const_object(Dwarf_Die *argument)
{
	Dwarf_Die pointer, object;

	if (!refers_to(argument, DW_AT_type, &pointer))
		return false;
	without_own_qualifiers(&pointer);
	return refers_to(&pointer, DW_AT_type, &object) && dwarf_tag(&object) == DW_TAG_const_type;
}

static bool add_argument(struct writer *w, Dwarf_Die *argument, unsigned nesting)
{
	Dwarf_Die type;

	if (!refers_to(argument, DW_AT_type, &type))
		return false;
	without_own_qualifiers(&type);
	return add_type(w, &type, nesting);
}

static void add_arguments(struct writer *w, Dwarf_Die *function, bool *is_const, unsigned nesting)
{
	size_t start = w->b.len;
	bool is_first = true, ok = nesting <= MAX_NESTING;
	Dwarf_Die child;

	*is_const = false;
	add(w, "(");
	if (ok && dwarf_child(function, &child) == 0) {
		do {
			int tag = dwarf_tag(&child);

			if (tag == DW_TAG_formal_parameter && is_this(&child)) {
				*is_const = is_const_object(&child);
				continue;
			}
			if (tag != DW_TAG_formal_parameter && tag != DW_TAG_unspecified_parameters)
				continue;
			add(w, is_first ? "" : ", ");
			is_first = false;
			if (tag == DW_TAG_unspecified_parameters)
				add(w, "...");
			else
				ok = add_argument(w, &child, nesting + 1);
		} while (ok && dwarf_siblingof(&child, &child) == 0);
	}
	if (!ok) {
		w->b.len = start;
		add(w, "(...");
	}
	add(w, ")");
}

/* DWARF spells base types as C does, the demangler shortly: both must give one name to one function. */
static void respell_base_types(char *text)
{
	static const char *const spellings[][2] = {
		{ "long long unsigned int", "unsigned long long" },
		{ "long unsigned int", "unsigned long" },
		{ "short unsigned int", "unsigned short" },
		{ "long long int", "long long" },
		{ "long int", "long" },
		{ "short int", "short" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
		size_t from = strlen(spellings[i][0]), to = strlen(spellings[i][1]);

		for (char *at = text; (at = strstr(at, spellings[i][0]));) {
			memcpy(at, spellings[i][1], to);
			memmove(at + to, at + from, strlen(at + from) + 1);
		}
	}
}

const char *signature_of(struct seep_arena *arena, Dwarf_Die *function)
{
	const char *name = dwarf_diename(function), *result = NULL;
	struct writer w = { .nr_types = 0 };
	bool is_const;

	add_scopes(&w, function, 0);
	add(&w, name ? name : "{unnamed}");
	add_arguments(&w, function, &is_const, 0);
	add(&w, is_const ? " const" : "");
	seep_buf_add(&w.b, "", 1);
	if (!w.b.failed) {
		char *readable;

		respell_base_types((char *)w.b.p);
		readable = readable_cplusplus((const char *)w.b.p);
		result = seep_arena_printf(arena, "%s", readable ? readable : (const char *)w.b.p);
		free(readable);
	}
	seep_buf_release(&w.b);
	return result;
}
