/*
 * seep.hpp: seep.h for C++17, header-only. What seep.h says holds: with no recorder in the process everything is a
 * cheap no-op, all calls are thread-safe, nothing throws but what a wrapped allocator throws.
 *
 *   seep::arena            names a heap of the program's own; a value, cheap to copy
 *   seep::scoped_arena     the same, whose blocks all end with the object: pools that are dropped as a whole
 *   seep::allocator<T>     a standard allocator that reports to an arena what it passes on to another
 *   seep::memory_resource  the same for std::pmr
 *   seep::off_for_now      switched off while the object lives
 */
#ifndef SEEP_HPP
#define SEEP_HPP

#include <memory>
#include <memory_resource>
#include <string>
#include <utility>

#include "seep.h"

/* Stacks of reported blocks begin at the caller of these. */
#define SEEP_TRANSPARENT inline __attribute__((always_inline))

namespace seep {

class arena {
public:
	/* Reports nothing. */
	arena() noexcept = default;
	/* The heap of that name, the same one for the same name. */
	explicit arena(const char *name) noexcept : id_(seep_arena_new(name))
	{
	}
	explicit arena(const std::string &name) noexcept : arena(name.c_str())
	{
	}

	/* False: nothing can be recorded, and reports do nothing. */
	explicit operator bool() const noexcept
	{
		return id_ != 0;
	}
	SEEP_TRANSPARENT void alloc(const void *p, std::size_t size) const noexcept
	{
		seep_arena_alloc(id_, p, size);
	}
	SEEP_TRANSPARENT void realloc(const void *old_p, const void *p, std::size_t size) const noexcept
	{
		seep_arena_realloc(id_, old_p, p, size);
	}
	SEEP_TRANSPARENT void free(const void *p) const noexcept
	{
		seep_arena_free(id_, p);
	}
	/* All its blocks end; no other thread may report to it meanwhile. */
	void clear() const noexcept
	{
		seep_arena_clear(id_);
	}
	uint32_t id() const noexcept
	{
		return id_;
	}
	friend bool operator==(const arena &a, const arena &b) noexcept
	{
		return a.id_ == b.id_;
	}
	friend bool operator!=(const arena &a, const arena &b) noexcept
	{
		return !(a == b);
	}

private:
	uint32_t id_ = 0;
};

/* For one pool at a time: two living objects of one name are one heap, and the first to go ends the blocks of both. */
class scoped_arena : public arena {
public:
	using arena::arena;
	scoped_arena(const scoped_arena &) = delete;
	scoped_arena &operator=(const scoped_arena &) = delete;
	~scoped_arena()
	{
		clear();
	}
};

/*
 * Reports to an arena what the allocator Next gives out. Equal when arenas and next allocators are: blocks may then be
 * given back through either.
 */
template <class T, class Next = std::allocator<T>> class allocator {
	using next_traits = std::allocator_traits<Next>;

public:
	using value_type = T;
	using size_type = typename next_traits::size_type;
	using difference_type = typename next_traits::difference_type;
	using propagate_on_container_copy_assignment = std::true_type;
	using propagate_on_container_move_assignment = std::true_type;
	using propagate_on_container_swap = std::true_type;
	using is_always_equal = std::false_type;
	template <class U> struct rebind {
		using other = allocator<U, typename next_traits::template rebind_alloc<U>>;
	};
	template <class U, class N> friend class allocator;

	explicit allocator(const arena &a, const Next &next = Next()) noexcept : arena_(a), next_(next)
	{
	}
	template <class U, class N>
	allocator(const allocator<U, N> &other) noexcept : arena_(other.arena_), next_(other.next_)
	{
	}

	SEEP_TRANSPARENT T *allocate(size_type n)
	{
		T *p = next_traits::allocate(next_, n);

		arena_.alloc(std::addressof(*p), n * sizeof(T));
		return p;
	}
	void deallocate(T *p, size_type n) noexcept
	{
		arena_.free(std::addressof(*p)); /* before another thread can get it */
		next_traits::deallocate(next_, p, n);
	}

	template <class U, class N> bool operator==(const allocator<U, N> &other) const noexcept
	{
		return arena_ == other.arena_ && next_ == Next(other.next_);
	}
	template <class U, class N> bool operator!=(const allocator<U, N> &other) const noexcept
	{
		return !(*this == other);
	}

private:
	arena arena_;
	Next next_;
};

/* Reports to an arena what `upstream`, which it does not own, gives out. */
class memory_resource : public std::pmr::memory_resource {
public:
	explicit memory_resource(const arena &a,
	                         std::pmr::memory_resource *upstream = std::pmr::get_default_resource()) noexcept
		: arena_(a), upstream_(upstream)
	{
	}
	explicit memory_resource(const char *name) noexcept : memory_resource(arena(name))
	{
	}
	const arena &reports_to() const noexcept
	{
		return arena_;
	}

private:
	void *do_allocate(std::size_t bytes, std::size_t alignment) override
	{
		void *p = upstream_->allocate(bytes, alignment);

		arena_.alloc(p, bytes);
		return p;
	}
	void do_deallocate(void *p, std::size_t bytes, std::size_t alignment) override
	{
		arena_.free(p);
		upstream_->deallocate(p, bytes, alignment);
	}
	bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
	{
		const memory_resource *same = dynamic_cast<const memory_resource *>(&other);

		return same && same->arena_ == arena_ && same->upstream_->is_equal(*upstream_);
	}

	arena arena_;
	std::pmr::memory_resource *upstream_;
};

/* Blocks allocated meanwhile, by any thread, are missing from the recording. */
class off_for_now {
public:
	off_for_now() noexcept : was_on_(seep_period_get() != 0)
	{
		if (was_on_)
			seep_off();
	}
	~off_for_now()
	{
		if (was_on_)
			seep_on();
	}
	off_for_now(const off_for_now &) = delete;
	off_for_now &operator=(const off_for_now &) = delete;

private:
	bool was_on_;
};

} // namespace seep

#undef SEEP_TRANSPARENT

#endif
