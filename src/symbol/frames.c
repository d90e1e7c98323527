#include "symbol.h"

#include "readable.h"

#include <stdlib.h>
#include <string.h>

/*
 * Whose code a frame is: one table, the first row that matches decides, no row means the user's. `function` is matched
 * with the qualified name (no arguments, no template arguments: "std::vector::push_back"), `module` with the last
 * part of the mapping's path; '*' stands for any text; NULL matches everything.
 */
struct frame_rule {
	const char *function, *module;
	enum seep_frame_class class;
	bool is_start; /* code that starts a program or thread, or loads objects: below every stack, never a culprit */
	const char *why;
};

#define ALLOCATOR SEEP_FRAME_ALLOCATOR, false
#define CONTAINER SEEP_FRAME_CONTAINER, false
#define RUNTIME SEEP_FRAME_RUNTIME, false
#define START SEEP_FRAME_RUNTIME, true

/* Names without an argument list: C and Rust (a C++ namespace may be called core, too). */
static const struct frame_rule plain_rules[] = {
	/* Start of programs and threads. */
	{ "_start", NULL, START, "entry point" },
	{ "__libc_start_*", NULL, START, "calls main" },
	{ "start_thread", NULL, START, "first function of a thread (glibc)" },
	{ "clone*", "libc*", START, "first function of a thread (glibc)" },
	{ "__clone*", NULL, START, "first function of a thread (glibc)" },
	{ "call_init*", NULL, START, "runs constructors" },
	{ "_dl_*", NULL, START, "loader" },
	{ "dl_main", NULL, START, "loader" },
	{ "dl_open_worker*", NULL, START, "loader" },
	{ "__libc_csu_init", NULL, START, "runs constructors" },
	{ "__do_global_ctors_aux", NULL, START, "runs constructors" },
	{ "runtime.goexit", NULL, START, "first function of a goroutine" },
	{ "std::rt::lang_start*", NULL, START, "calls Rust's main" },
	{ "std::sys*::thread::Thread::new::thread_start", NULL, START, "first function of a Rust thread" },
	{ "<std::sys*>::new::thread_start", NULL, START, "first function of a Rust thread" },
	{ "<alloc::boxed::Box<dyn core::ops::function::FnOnce*", NULL, START, "calls a Rust thread's closure" },
	{ "core::ops::function::FnOnce::call_once*", NULL, START, "calls a Rust thread's closure" },

	/* The malloc family, its names inside C libraries, and what replaces it. */
	{ "malloc", NULL, ALLOCATOR, "malloc family" },
	{ "calloc", NULL, ALLOCATOR, "malloc family" },
	{ "realloc", NULL, ALLOCATOR, "malloc family" },
	{ "reallocarray", NULL, ALLOCATOR, "malloc family" },
	{ "recallocarray", NULL, ALLOCATOR, "malloc family (BSD)" },
	{ "free", NULL, ALLOCATOR, "malloc family" },
	{ "cfree", NULL, ALLOCATOR, "malloc family" },
	{ "memalign", NULL, ALLOCATOR, "malloc family" },
	{ "aligned_alloc", NULL, ALLOCATOR, "malloc family" },
	{ "posix_memalign", NULL, ALLOCATOR, "malloc family" },
	{ "valloc", NULL, ALLOCATOR, "malloc family" },
	{ "pvalloc", NULL, ALLOCATOR, "malloc family" },
	{ "__libc_malloc*", NULL, ALLOCATOR, "glibc malloc" },
	{ "__libc_calloc*", NULL, ALLOCATOR, "glibc malloc" },
	{ "__libc_realloc*", NULL, ALLOCATOR, "glibc malloc" },
	{ "__libc_memalign*", NULL, ALLOCATOR, "glibc malloc" },
	{ "__libc_valloc", NULL, ALLOCATOR, "glibc malloc" },
	{ "__libc_alloc_buffer*", NULL, ALLOCATOR, "glibc's buffers" },
	{ "__libc_dynarray*", NULL, ALLOCATOR, "glibc's arrays" },
	{ "__libc_scratch_buffer*", NULL, ALLOCATOR, "glibc's buffers" },
	{ "__libc_reallocarray", NULL, ALLOCATOR, "glibc malloc" },
	{ "_int_malloc", NULL, ALLOCATOR, "glibc malloc" },
	{ "_int_realloc", NULL, ALLOCATOR, "glibc malloc" },
	{ "_int_memalign", NULL, ALLOCATOR, "glibc malloc" },
	{ "_mid_memalign*", NULL, ALLOCATOR, "glibc malloc" },
	{ "sysmalloc*", NULL, ALLOCATOR, "glibc malloc" },
	{ "__posix_memalign", NULL, ALLOCATOR, "glibc malloc" },
	{ "je_*", NULL, ALLOCATOR, "jemalloc" },
	{ "_rjem_*", NULL, ALLOCATOR, "jemalloc of Rust programs" },
	{ "mallocx", NULL, ALLOCATOR, "jemalloc" },
	{ "rallocx", NULL, ALLOCATOR, "jemalloc" },
	{ "tc_*alloc*", NULL, ALLOCATOR, "tcmalloc" },
	{ "tc_new*", NULL, ALLOCATOR, "tcmalloc" },
	{ "mi_*alloc*", NULL, ALLOCATOR, "mimalloc" },
	{ "mi_new*", NULL, ALLOCATOR, "mimalloc" },
	{ "mi_heap_*", NULL, ALLOCATOR, "mimalloc" },
	{ "mi_*dup", NULL, ALLOCATOR, "mimalloc" },
	{ "_mi_*", NULL, ALLOCATOR, "mimalloc" },
	{ "mmap", NULL, ALLOCATOR, "maps memory for its caller" },
	{ "mmap64", NULL, ALLOCATOR, "maps memory for its caller" },
	{ "__mmap*", NULL, ALLOCATOR, "maps memory for its caller" },
	{ "mremap", NULL, ALLOCATOR, "maps memory for its caller" },

	/* C functions that return memory to their caller. */
	{ "strdup", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "strndup", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "__strdup", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "__strndup", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "wcsdup", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "asprintf", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "vasprintf", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "___asprintf", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "__asprintf*", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "__vasprintf*", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "getline", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "getdelim", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "_IO_getdelim", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "realpath*", NULL, ALLOCATOR, "returns malloc'ed memory" },
	{ "getcwd", NULL, ALLOCATOR, "returns malloc'ed memory" },

	/* C++ and Rust operators. */
	{ "_Zn?m*", NULL, ALLOCATOR, "C++ operator new, mangled" },
	{ "__cxa_allocate_exception", NULL, ALLOCATOR, "memory of a thrown exception" },
	{ "__rust_alloc*", NULL, ALLOCATOR, "Rust's global allocator" },
	{ "__rust_realloc", NULL, ALLOCATOR, "Rust's global allocator" },
	{ "__rdl_*", NULL, ALLOCATOR, "Rust's default allocator" },
	{ "__rg_*", NULL, ALLOCATOR, "a Rust program's global allocator" },
	{ "__rustc::*", NULL, ALLOCATOR, "Rust's global allocator" },
	{ "alloc::alloc::*", NULL, ALLOCATOR, "Rust's allocation functions" },

	/* Allocation wrappers by names that programs have agreed on. */
	{ "xmalloc*", NULL, ALLOCATOR, "malloc that cannot fail" },
	{ "xcalloc", NULL, ALLOCATOR, "malloc that cannot fail" },
	{ "xzalloc", NULL, ALLOCATOR, "malloc that cannot fail" },
	{ "xrealloc*", NULL, ALLOCATOR, "malloc that cannot fail" },
	{ "xpalloc", NULL, ALLOCATOR, "malloc that cannot fail" },
	{ "xnmalloc", NULL, ALLOCATOR, "malloc that cannot fail" },
	{ "xnrealloc", NULL, ALLOCATOR, "malloc that cannot fail" },
	{ "x2*realloc", NULL, ALLOCATOR, "malloc that cannot fail" },
	{ "xmemalign", NULL, ALLOCATOR, "malloc that cannot fail" },
	{ "xstrdup", NULL, ALLOCATOR, "strdup that cannot fail" },
	{ "xstrndup", NULL, ALLOCATOR, "strdup that cannot fail" },
	{ "xmemdup*", NULL, ALLOCATOR, "memdup that cannot fail" },
	{ "xasprintf", NULL, ALLOCATOR, "asprintf that cannot fail" },
	{ "xvasprintf", NULL, ALLOCATOR, "asprintf that cannot fail" },
	{ "zmalloc*", NULL, ALLOCATOR, "redis's malloc" },
	{ "zcalloc*", NULL, ALLOCATOR, "redis's malloc" },
	{ "zrealloc*", NULL, ALLOCATOR, "redis's malloc" },
	{ "zstrdup", NULL, ALLOCATOR, "redis's malloc" },
	{ "ztry*alloc*", NULL, ALLOCATOR, "redis's malloc" },
	{ "s_malloc", NULL, ALLOCATOR, "sds's malloc" },
	{ "hi_*alloc", NULL, ALLOCATOR, "hiredis's malloc" },
	{ "sqlite3*Malloc*", NULL, ALLOCATOR, "SQLite's malloc" },
	{ "sqlite3*Realloc*", NULL, ALLOCATOR, "SQLite's malloc" },
	{ "sqlite3_malloc*", NULL, ALLOCATOR, "SQLite's malloc" },
	{ "sqlite3_realloc*", NULL, ALLOCATOR, "SQLite's malloc" },
	{ "sqlite3DbStr*Dup", NULL, ALLOCATOR, "SQLite's strdup" },
	{ "mallocWithAlarm", NULL, ALLOCATOR, "SQLite's malloc" },
	{ "dbMallocRawFinish", NULL, ALLOCATOR, "SQLite's malloc" },
	{ "dbReallocFinish", NULL, ALLOCATOR, "SQLite's malloc" },
	{ "pcache1Alloc*", NULL, ALLOCATOR, "SQLite's page memory" },
	{ "PyMem_*", NULL, ALLOCATOR, "CPython's malloc" },
	{ "_PyMem_*", NULL, ALLOCATOR, "CPython's malloc" },
	{ "PyObject_*alloc*", NULL, ALLOCATOR, "CPython's malloc" },
	{ "_PyObject_*alloc*", NULL, ALLOCATOR, "CPython's malloc" },
	{ "_PyObject_*Alloc*", NULL, ALLOCATOR, "CPython's arenas" },
	{ "PyObject_Malloc", NULL, ALLOCATOR, "CPython's malloc" },
	{ "PyObject_Calloc", NULL, ALLOCATOR, "CPython's malloc" },
	{ "PyObject_Realloc", NULL, ALLOCATOR, "CPython's malloc" },
	{ "_PyObject_Malloc", NULL, ALLOCATOR, "CPython's malloc" },
	{ "_PyObject_Arena*", NULL, ALLOCATOR, "CPython's arenas" },
	{ "_PyObject_GC_*", NULL, ALLOCATOR, "CPython's garbage-collected memory" },
	{ "new_arena", NULL, ALLOCATOR, "CPython's arenas" },
	{ "allocate_from_new_pool", NULL, ALLOCATOR, "CPython's arenas" },
	{ "pymalloc_*", NULL, ALLOCATOR, "CPython's arenas" },
	{ "PyType_GenericAlloc", NULL, ALLOCATOR, "CPython's objects" },
	{ "_PyType_AllocNoTrack", NULL, ALLOCATOR, "CPython's objects" },
	{ "CRYPTO_*alloc*", NULL, ALLOCATOR, "OpenSSL's malloc" },
	{ "CRYPTO_*dup", NULL, ALLOCATOR, "OpenSSL's malloc" },
	{ "OPENSSL_*alloc*", NULL, ALLOCATOR, "OpenSSL's malloc" },
	{ "ngx_alloc", NULL, ALLOCATOR, "nginx's malloc" },
	{ "ngx_calloc", NULL, ALLOCATOR, "nginx's malloc" },
	{ "ngx_p*alloc*", NULL, ALLOCATOR, "nginx's pools" },
	{ "ngx_memalign", NULL, ALLOCATOR, "nginx's malloc" },
	{ "ngx_create_pool", NULL, ALLOCATOR, "nginx's pools" },
	{ "apr_p*alloc*", NULL, ALLOCATOR, "APR's pools" },
	{ "allocator_alloc", NULL, ALLOCATOR, "APR's pools" },
	{ "_talloc*", NULL, ALLOCATOR, "talloc" },
	{ "talloc_*", NULL, ALLOCATOR, "talloc" },
	{ "palloc*", NULL, ALLOCATOR, "PostgreSQL's memory contexts" },
	{ "repalloc*", NULL, ALLOCATOR, "PostgreSQL's memory contexts" },
	{ "pstrdup", NULL, ALLOCATOR, "PostgreSQL's memory contexts" },
	{ "MemoryContext*Alloc*", NULL, ALLOCATOR, "PostgreSQL's memory contexts" },
	{ "AllocSet*", NULL, ALLOCATOR, "PostgreSQL's memory contexts" },
	{ "my_malloc", NULL, ALLOCATOR, "MariaDB's malloc" },
	{ "alloc_root", NULL, ALLOCATOR, "MariaDB's memory roots" },
	{ "_obstack_*", NULL, ALLOCATOR, "obstacks" },
	{ "uv__*alloc*", NULL, ALLOCATOR, "libuv's malloc" },
	{ "av_*alloc*", NULL, ALLOCATOR, "FFmpeg's malloc" },
	{ "event_mm_*", NULL, ALLOCATOR, "libevent's malloc" },
	{ "lua*_alloc", NULL, ALLOCATOR, "Lua's allocator" },
	{ "l_alloc", NULL, ALLOCATOR, "Lua's allocator" },
	{ "luaM_*", NULL, ALLOCATOR, "Lua's memory manager" },
	{ "g_malloc*", NULL, ALLOCATOR, "GLib's malloc" },
	{ "g_try_*alloc*", NULL, ALLOCATOR, "GLib's malloc" },
	{ "g_realloc*", NULL, ALLOCATOR, "GLib's malloc" },
	{ "g_slice_*", NULL, ALLOCATOR, "GLib's slices" },
	{ "g_aligned_alloc*", NULL, ALLOCATOR, "GLib's malloc" },
	{ "g_str*dup*", NULL, ALLOCATOR, "GLib's strings" },
	{ "g_memdup*", NULL, ALLOCATOR, "GLib's malloc" },

	/* Containers and standard libraries. */
	{ "__cxa_*", NULL, RUNTIME, "C++ runtime" },
	{ "alloc::*", NULL, CONTAINER, "Rust's heap types" },
	{ "core::*", NULL, CONTAINER, "Rust's core library" },
	{ "hashbrown::*", NULL, CONTAINER, "Rust's hash tables" },
	{ "indexmap::*", NULL, CONTAINER, "Rust's ordered hash tables" },
	{ "smallvec::*", NULL, CONTAINER, "Rust's small vectors" },
	{ "bytes::*", NULL, CONTAINER, "Rust's byte buffers" },
	{ "dashmap::*", NULL, CONTAINER, "Rust's concurrent tables" },
	{ "sdsnew*", NULL, CONTAINER, "redis's strings" },
	{ "_sdsnewlen", NULL, CONTAINER, "redis's strings" },
	{ "sdstrynewlen", NULL, CONTAINER, "redis's strings" },
	{ "sdsempty", NULL, CONTAINER, "redis's strings" },
	{ "sdsdup", NULL, CONTAINER, "redis's strings" },
	{ "sdscat*", NULL, CONTAINER, "redis's strings" },
	{ "sdscpy*", NULL, CONTAINER, "redis's strings" },
	{ "sdsfrom*", NULL, CONTAINER, "redis's strings" },
	{ "sdsgrowzero", NULL, CONTAINER, "redis's strings" },
	{ "sdsjoin*", NULL, CONTAINER, "redis's strings" },
	{ "sdssplit*", NULL, CONTAINER, "redis's strings" },
	{ "sdsResize", NULL, CONTAINER, "redis's strings" },
	{ "sdsRemoveFreeSpace", NULL, CONTAINER, "redis's strings" },
	{ "g_hash_table_*", NULL, CONTAINER, "GLib containers" },
	{ "g_array_*", NULL, CONTAINER, "GLib containers" },
	{ "g_ptr_array_*", NULL, CONTAINER, "GLib containers" },
	{ "g_byte_array_*", NULL, CONTAINER, "GLib containers" },
	{ "g_list_*", NULL, CONTAINER, "GLib containers" },
	{ "g_slist_*", NULL, CONTAINER, "GLib containers" },
	{ "g_queue_*", NULL, CONTAINER, "GLib containers" },
	{ "g_tree_*", NULL, CONTAINER, "GLib containers" },
	{ "g_string_*", NULL, CONTAINER, "GLib containers" },

	/* Runtimes. */
	{ "_IO_*", NULL, RUNTIME, "stdio of glibc" },
	{ "runtime.*", NULL, RUNTIME, "Go's runtime" },
	{ "rust_begin_unwind", NULL, RUNTIME, "Rust's runtime" },
	{ "_Unwind_*", NULL, RUNTIME, "unwinder" },
};

/* C++ names, pools of any language, and modules. */
static const struct frame_rule rules[] = {
	/* Start of programs and threads. */
	{ NULL, "ld-linux*", START, "loader" },
	{ NULL, "ld-musl*", RUNTIME, "loader and C library in one" },
	{ NULL, "ld-2.*", START, "loader of older glibc" },

	/* The recorder itself. */
	{ NULL, "libseep*", ALLOCATOR, "the recorder's hooks" },

	/* The malloc family, its names inside C libraries, and what replaces it. */
	{ "tcmalloc::*", NULL, ALLOCATOR, "tcmalloc" },
	{ "(anonymous namespace)::do_malloc*", NULL, ALLOCATOR, "tcmalloc" },
	{ NULL, "libjemalloc*", ALLOCATOR, "jemalloc" },
	{ NULL, "libtcmalloc*", ALLOCATOR, "tcmalloc" },
	{ NULL, "libmimalloc*", ALLOCATOR, "mimalloc" },

	/* C++ and Rust operators. */
	{ "operator new*", NULL, ALLOCATOR, "C++ operator new" },
	{ "operator delete*", NULL, ALLOCATOR, "C++ operator delete" },
	{ "*::operator new*", NULL, ALLOCATOR, "operator new of a class" },

	/* Allocation wrappers by names that programs have agreed on. */
	{ "google::protobuf::Arena*", NULL, ALLOCATOR, "protobuf's arenas" },
	{ "google::protobuf::internal::*Arena*", NULL, ALLOCATOR, "protobuf's arenas" },

	/* Pools: what grows them is not the cause, who asked is. */
	{ "*pool_alloc*", NULL, ALLOCATOR, "takes from a pool" },
	{ "*pool_grow*", NULL, ALLOCATOR, "grows a pool" },
	{ "*arena_alloc*", NULL, ALLOCATOR, "takes from an arena" },
	{ "*arena_grow*", NULL, ALLOCATOR, "grows an arena" },
	{ "*Pool::alloc*", NULL, ALLOCATOR, "takes from a pool" },
	{ "*Pool::Alloc*", NULL, ALLOCATOR, "takes from a pool" },
	{ "*Pool::grow*", NULL, ALLOCATOR, "grows a pool" },
	{ "*Pool::Grow*", NULL, ALLOCATOR, "grows a pool" },
	{ "*Arena::alloc*", NULL, ALLOCATOR, "takes from an arena" },
	{ "*Arena::Alloc*", NULL, ALLOCATOR, "takes from an arena" },
	{ "*Arena::grow*", NULL, ALLOCATOR, "grows an arena" },
	{ "*Arena::Grow*", NULL, ALLOCATOR, "grows an arena" },
	{ "*Allocator::alloc*", NULL, ALLOCATOR, "an allocator of the program" },
	{ "*Allocator::Alloc*", NULL, ALLOCATOR, "an allocator of the program" },

	/* Containers and standard libraries. */
	{ "std::*", NULL, CONTAINER, "C++ or Rust standard library" },
	{ "__gnu_cxx::*", NULL, CONTAINER, "libstdc++" },
	{ "__cxxabiv1::*", NULL, RUNTIME, "C++ runtime" },
	{ "__gnu_debug::*", NULL, CONTAINER, "libstdc++" },
	{ "boost::*", NULL, CONTAINER, "Boost" },
	{ "absl::*", NULL, CONTAINER, "Abseil" },
	{ "folly::*", NULL, CONTAINER, "folly" },
	{ "tbb::*", NULL, CONTAINER, "TBB" },
	{ "robin_hood::*", NULL, CONTAINER, "hash maps" },
	{ "phmap::*", NULL, CONTAINER, "hash maps" },
	{ "ska::*", NULL, CONTAINER, "hash maps" },
	{ "tsl::robin_*", NULL, CONTAINER, "hash maps" },
	{ "tsl::hopscotch_*", NULL, CONTAINER, "hash maps" },
	{ "tsl::sparse_*", NULL, CONTAINER, "hash maps" },
	{ "eastl::*", NULL, CONTAINER, "EASTL" },
	{ "fmt::*", NULL, CONTAINER, "text formatting" },
	{ "nlohmann::*", NULL, CONTAINER, "JSON values" },
	{ "rapidjson::*", NULL, CONTAINER, "JSON values" },
	{ "Eigen::*", NULL, CONTAINER, "matrices" },
	{ "google::protobuf::*", NULL, CONTAINER, "protobuf's fields and messages" },
	{ "QArrayData*", NULL, CONTAINER, "Qt containers" },
	{ "QTypedArrayData*", NULL, CONTAINER, "Qt containers" },
	{ "QVector*", NULL, CONTAINER, "Qt containers" },
	{ "QList*", NULL, CONTAINER, "Qt containers" },
	{ "QMap*", NULL, CONTAINER, "Qt containers" },
	{ "QHash*", NULL, CONTAINER, "Qt containers" },
	{ "QMultiHash*", NULL, CONTAINER, "Qt containers" },
	{ "QSet::*", NULL, CONTAINER, "Qt containers" },
	{ "QString*", NULL, CONTAINER, "Qt containers" },
	{ "QByteArray*", NULL, CONTAINER, "Qt containers" },
	{ "QVarLengthArray*", NULL, CONTAINER, "Qt containers" },
	{ "QtPrivate::*", NULL, CONTAINER, "Qt containers" },
	{ "QSharedPointer*", NULL, CONTAINER, "Qt pointers" },
	{ "*sdsMakeRoomFor*", NULL, CONTAINER, "redis's strings" },
	{ NULL, "libstdc++*", CONTAINER, "C++ standard library" },
	{ NULL, "libc++*", CONTAINER, "C++ standard library" },
	{ NULL, "libglib-2.0*", CONTAINER, "GLib" },

	/* Runtimes. */
	{ NULL, "libc.so*", RUNTIME, "C library" },
	{ NULL, "libc-2.*", RUNTIME, "C library of older glibc" },
	{ NULL, "libc.musl*", RUNTIME, "C library" },
	{ NULL, "libpthread*", RUNTIME, "C library" },
	{ NULL, "libm.so*", RUNTIME, "C library" },
	{ NULL, "libdl.so*", RUNTIME, "C library" },
	{ NULL, "libdl-2.*", RUNTIME, "C library" },
	{ NULL, "librt.so*", RUNTIME, "C library" },
	{ NULL, "libresolv*", RUNTIME, "C library" },
	{ NULL, "libnss_*", RUNTIME, "C library" },
	{ NULL, "libanl.so*", RUNTIME, "C library" },
	{ NULL, "libgcc_s*", RUNTIME, "unwinder" },
	{ NULL, "libunwind*", RUNTIME, "unwinder" },
	{ NULL, "libgomp*", RUNTIME, "OpenMP's runtime" },
	{ NULL, "libc++abi*", RUNTIME, "C++ runtime" },
	{ NULL, "libjvm.so", RUNTIME, "JVM" },
	{ NULL, "linux-vdso*", RUNTIME, "kernel" },
	{ NULL, "[vdso]", RUNTIME, "kernel" },
};

static bool glob(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern == *text || *pattern == '?') {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static const struct frame_rule *search(const struct frame_rule *table, size_t nr, const char *qualified,
                                       const char *module)
{
	for (size_t i = 0; i < nr; i++) {
		if (table[i].function && (!*qualified || !glob(table[i].function, qualified)))
			continue;
		if (table[i].module && !glob(table[i].module, module))
			continue;
		return &table[i];
	}
	return NULL;
}

static const struct frame_rule *rule_of(const char *qualified, bool has_arguments, const char *module)
{
	const struct frame_rule *rule = NULL;

	if (!has_arguments)
		rule = search(plain_rules, ARRAY_SIZE(plain_rules), qualified, module);
	return rule ? rule : search(rules, ARRAY_SIZE(rules), qualified, module);
}

/* The start of a path that names a crate inside a Rust type: "&mut [alloc::string::String]" at "alloc::…". */
static const char *rust_path(const char *type)
{
	static const char *const before[] = { "&", "*", "[", "(", "mut ", "const ", "dyn " };

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		size_t len = strlen(before[i]);

		if (!strncmp(type, before[i], len)) {
			type += len;
			i = (size_t)-1;
		}
	}
	return type;
}

/* A type parameter, a primitive or a tuple belongs to no crate: then the other half of the impl decides. */
static bool is_nobodys(const char *path)
{
	size_t len = strcspn(path, ":<>,;)] ");

	return strncmp(path + len, "::", 2) != 0;
}

/* Whose impl "<Type as Trait>::method" or "<Type>::method" is: the program's if either half is of its crates. */
static const struct frame_rule *rust_impl_rule(const char *function)
{
	static const struct frame_rule of_the_language = { NULL, NULL, CONTAINER, "impl on a type of the language" };
	const struct frame_rule *rule = &of_the_language;
	const char *half[2] = { function + 1, NULL };
	size_t depth = 0;

	for (const char *s = function; *s && !half[1]; s++) {
		if (*s == '<' || *s == '(' || *s == '[')
			depth++;
		else if ((*s == '>' && s[-1] != '-') || *s == ')' || *s == ']')
			depth--;
		if (depth == 0)
			break;
		if (depth == 1 && !strncmp(s, " as ", 4))
			half[1] = s + 4;
	}
	for (size_t i = 0; i < 2 && half[i] && rule; i++) {
		const char *path = rust_path(half[i]);
		char crate[256];
		size_t len = strcspn(path, "<>,;)] ");

		if (is_nobodys(path) || len >= sizeof(crate))
			continue;
		memcpy(crate, path, len);
		crate[len] = '\0';
		rule = rule_of(crate, false, "");
	}
	return rule;
}

static const struct frame_rule *frame_rule_of(const char *function, const char *module)
{
	const char *slash = strrchr(module, '/');
	const struct frame_rule *rule;
	bool has_arguments = false;
	char small[1024], *qualified = small;
	size_t size = strlen(function) + 2;

	module = slash ? slash + 1 : module;
	if (*function == '<') {
		rule = rule_of(function, false, "");
		return rule && rule->is_start ? rule : rust_impl_rule(function);
	}
	if (size > sizeof(small))
		qualified = malloc(size);
	if (!qualified)
		return rule_of("", false, module);
	readable_qualified_name(function, qualified, &has_arguments);
	rule = rule_of(qualified, has_arguments, module);
	if (qualified != small)
		free(qualified);
	return rule;
}

enum seep_frame_class seep_frame_class_of(const char *function, const char *module)
{
	const struct frame_rule *rule = frame_rule_of(function, module);

	return rule ? rule->class : SEEP_FRAME_USER;
}

bool seep_frame_is_start(const char *function, const char *module)
{
	const struct frame_rule *rule = frame_rule_of(function, module);

	return rule && rule->is_start;
}
