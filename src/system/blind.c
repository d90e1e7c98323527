/*
 * What the recorder cannot see in a program although it is loaded into it, and what can: allocators that do not go
 * through the C library's names, and runtimes that keep objects in memory which they map.
 */
#include <string.h>

#include "system/system.h"

#define MAPPED "; what it maps, used or not: seep top --heap=mmap"
#define MAPPED_BY_MALLOC "; what it maps, used or not: seep top --heap='mmap (allocator)'"

enum spot {
	BEFORE,
	ASAN,
	TCMALLOC,
	PARTITION,
	EXPORTED,
	OWN,
	LUAJIT,
	JVM,
	NODE,
	V8,
	DOTNET,
	GO,
	PHP,
	PYTHON,
	NR_SPOTS
};
static const struct seep_blind_spot spots[NR_SPOTS] = {
	[BEFORE] = { "malloc-before", "its allocator comes before the recorder: nothing of its heap can be seen",
	             "the recorder named before it in LD_PRELOAD" },
	[ASAN] = { "asan", "its allocator is inside the executable (AddressSanitizer): nothing of its heap can be seen",
	           "AddressSanitizer's own report of leaks" },
	[TCMALLOC] = { "tcmalloc", "its allocator is inside the executable (tcmalloc): nothing of its heap can be seen",
	               "tcmalloc's own heap profile saved to FILE (of Envoy: /heap_dump of its admin port): seep top "
	               "FILE" MAPPED_BY_MALLOC },
	[PARTITION] = { "partition-alloc",
	                "its allocator is inside the executable (Chromium's PartitionAlloc): nothing of its heap can "
	                "be seen",
	                "chrome://tracing with memory-infra" MAPPED_BY_MALLOC },
	[EXPORTED] = { "own-malloc", "its allocator is inside the executable: nothing of its heap can be seen",
	               "a build that uses the C library's malloc" MAPPED_BY_MALLOC },
	[OWN] = { "own-allocator",
	          "it has an allocator of its own inside: only what the C library's malloc gave can be seen",
	          "a build that uses the C library's malloc" MAPPED },
	[LUAJIT] = { "luajit", "it holds LuaJIT, whose objects cannot be seen: it maps its own heap",
	             "collectgarbage('count') in Lua tells their sum" MAPPED },
	[JVM] = { "jvm", "it is a Java VM: native memory only, Java objects cannot be seen",
	          "jcmd PID GC.class_histogram counts them by class" MAPPED },
	[NODE] = { "v8", "it is Node.js: native memory only, JavaScript objects cannot be seen",
	           "node --heapsnapshot-signal=SIGUSR2 writes what Chrome's developer tools read" MAPPED },
	[V8] = { "v8", "it holds V8: native memory only, JavaScript objects cannot be seen",
	         "a heap snapshot by Chrome's developer tools" MAPPED },
	[DOTNET] = { "dotnet", "it is .NET: native memory only, managed objects cannot be seen",
	             "dotnet-gcdump collect -p PID" MAPPED },
	[GO] = { "go", "it is a Go program with cgo: native memory only, Go objects cannot be seen",
	         "Go's own heap profile (/debug/pprof/heap of net/http/pprof, or pprof.WriteHeapProfile) saved to "
	         "FILE: seep top FILE" },
	[PHP] = { "php", "it is PHP, whose values are in chunks that it maps: what is in them cannot be seen",
	          "USE_ZEND_ALLOC=0 shows each" MAPPED },
	[PYTHON] = { "python",
	             "it is Python: objects up to 512 bytes are seen only as the arenas that hold them "
	             "(PYTHONMALLOC=malloc shows each)",
	             "PYTHONMALLOC=malloc shows each" MAPPED },
};

bool seep_program_is_blind(const struct seep_program *p)
{
	return p->has_malloc_before || (p->exports_malloc && !p->is_linked) || p->has_asan_inside;
}

/* Of allocators the one that is told most of. */
static enum spot allocator_of(const struct seep_program *p)
{
	bool is_exported = p->exports_malloc && !p->is_linked;

	if (p->has_malloc_before)
		return BEFORE;
	if (p->has_asan_inside)
		return ASAN;
	if (is_exported && p->has_partition_alloc)
		return PARTITION;
	if (is_exported && !strcmp(p->own_allocator, "tcmalloc"))
		return TCMALLOC;
	if (is_exported)
		return EXPORTED;
	return p->own_allocator[0] && !p->is_linked ? OWN : NR_SPOTS;
}

size_t seep_program_blind_spots(const struct seep_program *p, const struct seep_blind_spot *out[SEEP_BLIND_SPOTS_MAX])
{
	const struct {
		bool is_there;
		enum spot spot;
	} rows[] = {
		{ p->is_jvm, JVM },       { p->is_node, NODE },     { p->is_v8 && !p->is_node, V8 },
		{ p->is_luajit, LUAJIT }, { p->is_dotnet, DOTNET }, { p->is_go, GO },
		{ p->is_php, PHP },       { p->is_python, PYTHON },
	};
	enum spot allocator = allocator_of(p);
	size_t nr = 0;

	if (allocator != NR_SPOTS)
		out[nr++] = &spots[allocator];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].is_there)
			out[nr++] = &spots[rows[i].spot];
	return nr;
}

const char *seep_program_blind_spot(const struct seep_program *p)
{
	const struct seep_blind_spot *found[SEEP_BLIND_SPOTS_MAX];

	return seep_program_blind_spots(p, found) ? found[0]->text : NULL;
}
