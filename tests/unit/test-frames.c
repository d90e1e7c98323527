#include "symbol/readable.h"
#include "symbol/symbol.h"
#include "tap.h"

#include <stdlib.h>

#define CLASS(function, module, want) EQ_U(seep_frame_class_of(function, module), want)

static void malloc_and_its_kin_are_the_allocator(void)
{
	CLASS("malloc", "/lib/x86_64-linux-gnu/libc.so.6", SEEP_FRAME_ALLOCATOR);
	CLASS("operator new(unsigned long)", "/usr/lib/libstdc++.so.6", SEEP_FRAME_ALLOCATOR);
	CLASS("operator new[](unsigned long)", "", SEEP_FRAME_ALLOCATOR);
	CLASS("__strdup", "libc.so.6", SEEP_FRAME_ALLOCATOR);
	CLASS("je_malloc_default", "/usr/bin/redis-server", SEEP_FRAME_ALLOCATOR);
	CLASS("zmalloc_usable", "/usr/bin/redis-server", SEEP_FRAME_ALLOCATOR);
	CLASS("xrealloc", "/usr/bin/prog", SEEP_FRAME_ALLOCATOR);
	CLASS("PyMem_RawMalloc", "/usr/bin/python3.11", SEEP_FRAME_ALLOCATOR);
	CLASS("node_pool_alloc", "/usr/bin/prog", SEEP_FRAME_ALLOCATOR);
	CLASS("net::BufferPool::grow(unsigned long)", "/usr/bin/prog", SEEP_FRAME_ALLOCATOR);
	CLASS("__rust_alloc", "", SEEP_FRAME_ALLOCATOR);
	CLASS("", "/usr/lib/libjemalloc.so.2", SEEP_FRAME_ALLOCATOR);
}

static void standard_containers_fold(void)
{
	CLASS("std::vector<Foo>::_M_realloc_insert<Foo>(__gnu_cxx::__normal_iterator<Foo*, std::vector<Foo>>, Foo&&)",
	      "/usr/bin/prog", SEEP_FRAME_CONTAINER);
	CLASS("std::string::append(char const*)", "", SEEP_FRAME_CONTAINER);
	CLASS("void std::vector<int>::emplace_back<int>(int&&)", "", SEEP_FRAME_CONTAINER);
	CLASS("decltype (f()) std::__invoke<main::{lambda()#1}>(main::{lambda()#1}&&)", "", SEEP_FRAME_CONTAINER);
	CLASS("__gnu_cxx::new_allocator<int>::allocate(unsigned long, void const*)", "", SEEP_FRAME_CONTAINER);
	CLASS("absl::container_internal::raw_hash_set<int>::resize(unsigned long)", "", SEEP_FRAME_CONTAINER);
	CLASS("boost::asio::detail::thread_info_base::allocate(unsigned long)", "", SEEP_FRAME_CONTAINER);
	CLASS("google::protobuf::Arena::AllocateAligned(unsigned long)", "", SEEP_FRAME_ALLOCATOR);
	CLASS("google::protobuf::internal::RepeatedPtrFieldBase::InternalExtend(int)", "", SEEP_FRAME_CONTAINER);
	CLASS("sdsnewlen", "/usr/bin/redis-server", SEEP_FRAME_CONTAINER);
	CLASS("_sdsMakeRoomFor", "/usr/bin/redis-server", SEEP_FRAME_CONTAINER);
	CLASS("g_hash_table_insert", "/usr/lib/libglib-2.0.so.0", SEEP_FRAME_CONTAINER);
	CLASS("QHash<QString, int>::detach()", "", SEEP_FRAME_CONTAINER);
}

static void a_users_function_with_std_types_is_the_users(void)
{
	CLASS("Cache::insert(std::string const&)", "/usr/bin/prog", SEEP_FRAME_USER);
	CLASS("Cache<std::string>::insert(std::string const&)", "/usr/bin/prog", SEEP_FRAME_USER);
	CLASS("std::vector<int> make_table<std::allocator<int>>(int)", "", SEEP_FRAME_USER);
	CLASS("std::string Session::name() const", "", SEEP_FRAME_USER);
	CLASS("main::{lambda(std::string)#1}::operator()(std::string) const", "", SEEP_FRAME_USER);
	CLASS("handle(std::string const&) const::{lambda()#2}::operator()() const", "", SEEP_FRAME_USER);
	CLASS("(anonymous namespace)::Anon::f(std::map<int, int>&)", "", SEEP_FRAME_USER);
	CLASS("operator<<(std::ostream&, Foo const&)", "", SEEP_FRAME_USER);
	CLASS("Foo::operator std::string() const", "", SEEP_FRAME_USER);
	CLASS("Foo::operator()(std::vector<int>&)", "", SEEP_FRAME_USER);
	CLASS("Foo::operator<< <int>(int)", "", SEEP_FRAME_USER);
	CLASS("core::Engine::load(char const*)", "", SEEP_FRAME_USER);
	CLASS("free(Document*)", "", SEEP_FRAME_USER);
	CLASS("clone(Node const&)", "", SEEP_FRAME_USER);
	CLASS("xml_node_alloc", "", SEEP_FRAME_USER);
	CLASS("mi_open", "", SEEP_FRAME_USER);
	CLASS("my_std::thing()", "", SEEP_FRAME_USER);
	CLASS("main", "/usr/bin/prog", SEEP_FRAME_USER);
	CLASS("", "/usr/bin/prog", SEEP_FRAME_USER);
	CLASS("", "", SEEP_FRAME_USER);
}

static void rust_impls_belong_to_the_crate_that_wrote_them(void)
{
	CLASS("alloc::raw_vec::RawVec<T,A>::grow_one", "", SEEP_FRAME_CONTAINER);
	CLASS("alloc::alloc::exchange_malloc", "", SEEP_FRAME_ALLOCATOR);
	CLASS("<alloc::vec::Vec<T> as core::iter::traits::collect::Extend<T>>::extend", "", SEEP_FRAME_CONTAINER);
	CLASS("<T as alloc::vec::spec_from_elem::SpecFromElem>::from_elem", "", SEEP_FRAME_CONTAINER);
	CLASS("<server::Session as core::clone::Clone>::clone", "", SEEP_FRAME_USER);
	CLASS("<alloc::string::String as server::Render>::render", "", SEEP_FRAME_USER);
	CLASS("<[u8]>::to_vec", "", SEEP_FRAME_CONTAINER);
	CLASS("<&mut server::Reader as std::io::Read>::read", "", SEEP_FRAME_USER);
	CLASS("<server::Store>::put", "", SEEP_FRAME_USER);
	CLASS("hashbrown::raw::RawTable<T,A>::reserve_rehash", "", SEEP_FRAME_CONTAINER);
	CLASS("server::main::{closure#0}", "", SEEP_FRAME_USER);
}

static void the_c_library_is_the_runtime(void)
{
	CLASS("fopen", "/lib/x86_64-linux-gnu/libc.so.6", SEEP_FRAME_RUNTIME);
	CLASS("", "/lib/x86_64-linux-gnu/libc.so.6", SEEP_FRAME_RUNTIME);
	CLASS("", "/lib64/ld-linux-x86-64.so.2", SEEP_FRAME_RUNTIME);
	CLASS("fopen", "/usr/bin/static-prog", SEEP_FRAME_USER);
	OK(seep_frame_is_start("__libc_start_main", "/usr/bin/static-prog"));
	OK(seep_frame_is_start("", "/lib64/ld-linux-x86-64.so.2"));
	OK(!seep_frame_is_start("fopen", "/lib/x86_64-linux-gnu/libc.so.6"));
	OK(!seep_frame_is_start("main", "/usr/bin/prog"));
	OK(seep_frame_is_start("clone3", "/lib/x86_64-linux-gnu/libc.so.6"));
	OK(!seep_frame_is_start("clone3", "/usr/bin/prog"));
	OK(seep_frame_is_start("<std::sys::thread::unix::Thread>::new::thread_start", "/usr/bin/prog"));
	OK(seep_frame_is_start("core::ops::function::FnOnce::call_once{{vtable.shim}}", "/usr/bin/prog"));
	OK(!seep_frame_is_start("<alloc::vec::Vec<u8>>::with_capacity", "/usr/bin/prog"));
}

static void broken_names_do_no_harm(void)
{
	CLASS("<", "", SEEP_FRAME_CONTAINER);
	CLASS("operator", "", SEEP_FRAME_USER);
	CLASS("operator ", "", SEEP_FRAME_USER);
	CLASS("f(((", "", SEEP_FRAME_USER);
	CLASS("a<b<c", "", SEEP_FRAME_USER);
	CLASS("{", "", SEEP_FRAME_USER);
	CLASS(")>]}", "", SEEP_FRAME_USER);
}

/* Names made of the pieces that parsers stumble over: the same 20,000 in every run. */
static void no_text_breaks_the_parsers(void)
{
	static const char *const pieces[] = {
		"<",      ">",      "(",  ")",   "{",        "}",         "[",    "]",
		"::",     ",",      " ",  "*",   "&",        "operator",  "->",   "std",
		"a",      "const ", "<<", "#1",  "decltype", "<lambda(",  " as ", "[abi:",
		"(anon)", "vector", "~",  "new", "_Z",       "allocator", "",     "\xff"
	};
	uint64_t state = 0x5eed;
	size_t nr_rewritten = 0;

	for (int i = 0; i < 20000; i++) {
		char text[256] = "", *readable;

		for (int n = (int)(state >> 60) * 2; n >= 0; n--) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			strcat(text, pieces[state >> 59]);
		}
		readable = readable_cplusplus(text);
		nr_rewritten += readable != NULL;
		free(readable);
		if (seep_frame_class_of(text, "prog") > SEEP_FRAME_RUNTIME)
			nr_rewritten = 0;
	}
	OK(nr_rewritten > 1000);
}

static void deep_nesting_is_refused(void)
{
	char deep[4001];

	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	OK(!readable_cplusplus(deep));
	CLASS(deep, "", SEEP_FRAME_USER);
}

int main(void)
{
	malloc_and_its_kin_are_the_allocator();
	standard_containers_fold();
	a_users_function_with_std_types_is_the_users();
	rust_impls_belong_to_the_crate_that_wrote_them();
	the_c_library_is_the_runtime();
	broken_names_do_no_harm();
	no_text_breaks_the_parsers();
	deep_nesting_is_refused();
	return tap_done();
}
