#include "symbol/readable.h"
#include "symbol/symbol.h"
#include "tap.h"

#include <stdlib.h>

static void reads_as(const char *mangled, const char *want)
{
	char *got = seep_demangle(mangled);

	EQ_S(got, want);
	free(got);
}

static void a_plain_name_stays(void)
{
	reads_as("main", "main");
	reads_as("", "");
	reads_as("_Zfoo", "_Zfoo");
	reads_as("a.b", "a.b");
}

static void parts_and_copies_are_shown_as_their_function(void)
{
	reads_as("createObject.part.0", "createObject");
	reads_as("main.cold", "main");
	reads_as("f.constprop.0.isra.0", "f");
	reads_as("_ZN5Cache6insertEi.cold", "Cache::insert(int)");
	reads_as(".cold", ".cold");
}

static void strings_and_default_arguments_are_short(void)
{
	reads_as("_ZN5Cache6insertERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
	         "Cache::insert(std::string const&)");
	reads_as("_ZNSt6vectorI3FooSaIS0_EE9push_backERKS0_", "std::vector<Foo>::push_back(Foo const&)");
	reads_as("_Z1fRSt3mapINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESt6vectorI3FooSaIS7_EESt4lessIS5_"
	         "ESaISt4pairIKS5_S9_EEE",
	         "f(std::map<std::string, std::vector<Foo>>&)");
	reads_as("_Z1fSt10unique_ptrI3FooSt14default_deleteIS0_EE", "f(std::unique_ptr<Foo>)");
}

static void arguments_that_are_not_default_stay(void)
{
	reads_as("_Z1fSt3setIiSt7greaterIiESaIiEE", "f(std::set<int, std::greater<int>>)");
	reads_as("_Z1fSt6vectorIi5AllocIiEE", "f(std::vector<int, Alloc<int>>)");
	reads_as("_Z1fSt6vectorIiSaIlEE", "f(std::vector<int, std::allocator<long>>)");
	reads_as("_Z1fN2my6vectorIiSaIiEEE", "f(my::vector<int, std::allocator<int>>)");
}

static void abi_tags_go(void)
{
	reads_as("_Z4nameB5cxx11v", "name()");
	reads_as("_ZN1A4nameB5cxx11Ev", "A::name()");
}

static void operators_survive(void)
{
	reads_as("_ZN3FoolsIiEEvT_", "Foo::operator<< <int>(int)");
	reads_as("_ZN3FooclEi", "Foo::operator()(int)");
	reads_as("_ZNK3FooltERKS_", "Foo::operator<(Foo const&) const");
	reads_as("_ZN3FooptEv", "Foo::operator->()");
	reads_as("_ZN3FoomiISt6vectorIiSaIiEEEEvT_", "Foo::operator-<std::vector<int>>(std::vector<int>)");
	reads_as("_ZNK3FoocvSsEv", "Foo::operator std::string() const");
}

static void rewritten_is(const char *text, const char *want)
{
	char *got = readable_cplusplus(text);

	EQ_S(got, want);
	free(got);
}

static void names_as_dwarf_spells_them_become_those_of_the_demangler(void)
{
	rewritten_is("put<const Foo*>(const_iterator)", "put<Foo const*>(const_iterator)");
	rewritten_is("f<main()::<lambda(int)>&, const main()::<lambda(int)>&>()",
	             "f<main::{lambda(int)}&, main::{lambda(int)} const&>()");
	rewritten_is("f(std::map<int, Foo, std::less<int>, std::allocator<std::pair<const int, Foo> > >&)",
	             "f(std::map<int, Foo>&)");
	rewritten_is("std::__1::vector<int, std::__1::allocator<int> >::push_back(int)",
	             "std::vector<int>::push_back(int)");
	OK(!readable_cplusplus("f<int"));
	OK(!readable_cplusplus("f(int"));
}

static void rust_names_have_no_hash(void)
{
	reads_as("_ZN5alloc7raw_vec19RawVec$LT$T$C$A$GT$8grow_one17h0123456789abcdefE",
	         "alloc::raw_vec::RawVec<T,A>::grow_one");
	reads_as("_ZN6server5Store3put17h0123456789abcdefE.llvm.1234", "server::Store::put");
	reads_as("_RNvC6server4main", "server::main");
}

int main(void)
{
	a_plain_name_stays();
	parts_and_copies_are_shown_as_their_function();
	strings_and_default_arguments_are_short();
	arguments_that_are_not_default_stay();
	abi_tags_go();
	operators_survive();
	names_as_dwarf_spells_them_become_those_of_the_demangler();
	rust_names_have_no_hash();
	return tap_done();
}
