/*
 * The walk. Fast: each frame's rule comes from a cache keyed by the frame word itself (module index and offset), so that
 * another module at the same addresses has other keys. A rule says where the CFA is (stack or frame pointer plus an offset) and where the
 * caller's frame pointer was saved; that covers all that compilers emit. What it cannot say (a CFA from another
 * register, an expression) makes the walk start again in full, with all registers and no cache.
 *
 * Reading the stack cannot crash. The page of the stack pointer is mapped. Above it, pages are probed once and
 * remembered per thread as a range; a stack stays mapped while a thread runs on it, and rules made by the compiler never lead above its
 * last frame. Where a frame pointer is only guessed (code without rules), the remembered range is not trusted and
 * each page is probed.
 */
#include "recorder/unwind.h"

#include <stddef.h>
#include <sys/auxv.h>

#include "recorder/cfi.h"
#include "recorder/modules.h"

#define PAGE 4096ull
#define CACHE_BITS 13
#define MAX_VIEWS 8u
#define MAX_GUESS_BYTES (1ull << 20) /* a guessed frame is not larger */

/* ---- rules: one word ---- */

/* SP and FP, the simple ones, come first: told by one comparison. */
enum rule_kind { RULE_NONE, RULE_SP, RULE_FP, RULE_SIGNAL, RULE_END, RULE_FULL, RULE_MISSING };

/* bits 2–0 kind; 34–3 CFA offset (signed); 48–35 and 62–49: words below the CFA of the return address and of the saved frame pointer, 0 not saved */
static uint64_t rule_make(enum rule_kind kind, int32_t cfa, uint32_t ra_words, uint32_t fp_words)
{
	return (uint64_t)kind | (uint64_t)(uint32_t)cfa << 3 | (uint64_t)ra_words << 35 | (uint64_t)fp_words << 49;
}
static inline enum rule_kind rule_kind(uint64_t rule) { return (enum rule_kind)(rule & 7); }
static inline int64_t rule_cfa(uint64_t rule) { return (int32_t)(rule >> 3); }
static inline uint64_t rule_ra(uint64_t rule)
{
#if defined(__x86_64__)
	(void)rule;
	return 1; /* where the call instruction put it; anything else is RULE_FULL */
#else
	return rule >> 35 & 0x3fff;
#endif
}
static inline uint64_t rule_fp(uint64_t rule) { return rule >> 49 & 0x3fff; }

/* Two words an entry that check each other, so that a torn one is a miss: no lock, no order needed. */
static struct {
	uint64_t key_xor_rule, rule;
} cache[1u << CACHE_BITS] __attribute__((aligned(64)));

static inline uint32_t cache_slot(uint64_t key) { return (uint32_t)(key * 0x9e3779b97f4a7c15ull >> (64 - CACHE_BITS)); }

static inline uint64_t cache_get(uint64_t key)
{
	uint32_t i = cache_slot(key);
	uint64_t rule = __atomic_load_n(&cache[i].rule, __ATOMIC_RELAXED);

	if (__builtin_expect((__atomic_load_n(&cache[i].key_xor_rule, __ATOMIC_RELAXED) ^ rule) == key, 1))
		return rule;
	i ^= 1;
	rule = __atomic_load_n(&cache[i].rule, __ATOMIC_RELAXED);
	return (__atomic_load_n(&cache[i].key_xor_rule, __ATOMIC_RELAXED) ^ rule) == key ? rule : 0;
}

static void cache_put(uint64_t key, uint64_t rule)
{
	uint32_t i = cache_slot(key);

	if (cache[i].rule && !cache[i ^ 1].rule)
		i ^= 1;
	__atomic_store_n(&cache[i].rule, rule, __ATOMIC_RELAXED);
	__atomic_store_n(&cache[i].key_xor_rule, key ^ rule, __ATOMIC_RELAXED);
}

/* The saved word is `at` bytes below the CFA as a count of words, if it fits. */
static bool words_below(const struct cfi_register *r, uint32_t *words)
{
	if (r->how == CFI_SAME) {
		*words = 0;
		return true;
	}
	if (r->how != CFI_OFFSET || r->at >= 0 || r->at % 8 || -r->at / 8 > 0x3fff)
		return false;
	*words = (uint32_t)(-r->at / 8);
	return true;
}

static uint64_t rule_of_row(const struct cfi_row *row)
{
	uint32_t ra, fp;
	bool is_sp = row->cfa_reg == CFI_SP;

	if (!row->is_valid)
		return rule_make(RULE_MISSING, 0, 0, 0);
	if (row->is_signal)
		return rule_make(RULE_SIGNAL, 0, 0, 0);
	if (row->regs[row->ra].how == CFI_UNDEFINED)
		return rule_make(RULE_END, 0, 0, 0);
	if (row->cfa_is_expression || (!is_sp && row->cfa_reg != CFI_FP) || !words_below(&row->regs[row->ra], &ra) || !ra ||
	    !words_below(&row->regs[CFI_FP], &fp))
		return rule_make(RULE_FULL, 0, 0, 0);
#if defined(__x86_64__)
	if (ra != 1)
		return rule_make(RULE_FULL, 0, 0, 0);
#endif
	return rule_make(is_sp ? RULE_SP : RULE_FP, row->cfa_at, ra, fp);
}

/* ---- one walk ---- */

struct walker {
	struct seep_walk *w;
	struct seep_walk_thread *thread;
	struct cfi_registers r;
	struct seep_module_view views[MAX_VIEWS]; /* modules met in this walk, each checked once */
	const struct seep_module_view *view;
	uint32_t nr_views;
	uint64_t pc;
	bool is_call;     /* pc is a return address */
	bool is_guessing;
	bool is_full;
	uint64_t guess_page; /* last page that was probed for a guess */
};

static uint64_t strip(uint64_t pc)
{
#if defined(__aarch64__)
	register uint64_t lr __asm__("x30") = pc;

	__asm__("hint #7" : "+r"(lr)); /* xpaclri: nothing on machines without pointer authentication */
	return lr;
#else
	return pc;
#endif
}

/* Widens the known range upwards until it holds [address, address + 8). */
static bool widen(struct walker *k, uint64_t address)
{
	struct seep_walk_thread *t = k->thread;

	while (address + 8 > t->stack_high) {
		if (address - t->stack_high > MAX_GUESS_BYTES * 16 || !seep_page_is_readable(t->stack_high))
			return false;
		t->stack_high += PAGE;
	}
	return true;
}

/* A stack pointer outside the known range: a deeper call, or another stack (signal, coroutine). */
static void settle_on(struct walker *k, uint64_t sp)
{
	struct seep_walk_thread *t = k->thread;
	uint64_t page = sp & ~(PAGE - 1);

	if (sp >= t->stack_low && sp < t->stack_high)
		return;
	if (sp < t->stack_low && t->stack_low - page <= 16 * PAGE) {
		uint64_t low = t->stack_low;

		while (low > page + PAGE && seep_page_is_readable(low - PAGE))
			low -= PAGE;
		if (low == page + PAGE) {
			t->stack_low = page;
			return;
		}
	}
	t->stack_low = page;
	t->stack_high = page + PAGE;
}

static bool read_stack(void *data, uint64_t address, uint64_t *out)
{
	struct walker *k = data;

	if (address & 7)
		return false;
	if (k->is_guessing || address < k->thread->stack_low) {
		if ((address & ~(PAGE - 1)) != k->guess_page && !seep_page_is_readable(address))
			return false;
		k->guess_page = address & ~(PAGE - 1);
	} else if (__builtin_expect(address + 8 > k->thread->stack_high, 0) && !widen(k, address)) {
		return false;
	}
	*out = *(const uint64_t *)(uintptr_t)address;
	return true;
}

static const struct seep_module_view *view_of(struct walker *k, uint64_t pc)
{
	struct seep_module_view *v;

	for (uint32_t i = 0; i < k->nr_views; i++)
		if (pc - k->views[i].start < k->views[i].end - k->views[i].start)
			return &k->views[i];
	v = &k->views[k->nr_views < MAX_VIEWS ? k->nr_views++ : MAX_VIEWS - 1];
	seep_module_find(pc, v);
	if (v->no_room)
		k->w->module_lost = true;
	return v;
}

/* Address inside the instruction that called, or that was interrupted. */
static uint64_t place_of(const struct walker *k) { return k->is_call ? k->pc - 1 : k->pc; }

/* Adds the present frame; false when there is no room. Returns its key for the cache. */
static inline bool add_frame(struct walker *k, uint64_t *key)
{
	uint64_t place = place_of(k);
	const struct seep_module_view *v = k->view;

	if (__builtin_expect(place - v->start >= v->end - v->start, 0))
		v = k->view = view_of(k, place);
	*key = v->index ? SEEP_REC_FRAME(v->index, place - v->start) : place & 0xffffffffffffull;
	if (k->w->nr == SEEP_REC_MAX_FRAMES) {
		k->w->flags |= SEEP_REC_STACK_DEEP;
		return false;
	}
	k->w->frames[k->w->nr++] = *key;
	return true;
}

static uint64_t rule_for(struct walker *k, uint64_t key)
{
	uint64_t rule = cache_get(key);
	struct cfi_row row;

	if (__builtin_expect(rule != 0, 1) && k->view->index)
		return rule;
	if (!k->view->eh_frame_hdr)
		return rule_make(RULE_MISSING, 0, 0, 0);
	k->w->nr_misses++;
	cfi_find(k->view->eh_frame_hdr, k->view->end, place_of(k), &row);
	rule = rule_of_row(&row);
	if (rule_kind(rule) == RULE_MISSING && k->is_call) {
		/* A return to a function's very first byte, which no call makes: put there by hand (makecontext). */
		cfi_find(k->view->eh_frame_hdr, k->view->end, k->pc, &row);
		if (row.is_start)
			rule = rule_make(RULE_END, 0, 0, 0);
	}
	if (k->view->index)
		cache_put(key, rule);
	return rule;
}

static uint64_t loader_start; /* the loader's first function has no rule: nothing is below it */

static bool cut(struct walker *k)
{
	if (k->view->start == loader_start && loader_start)
		return false;
	k->w->flags |= SEEP_REC_STACK_CUT;
	return false;
}

/* ---- steps: each leaves the caller's registers in k, false at the end of the walk ---- */

static inline bool go_up(struct walker *k, uint64_t pc, uint64_t sp)
{
	if (__builtin_expect(!pc, 0))
		return false; /* the outermost frame of a stack that someone made by hand */
	k->pc = strip(pc);
	k->r.v[CFI_SP] = sp;
	k->is_call = true;
	return true;
}

static bool step_simple(struct walker *k, uint64_t rule)
{
	uint64_t cfa = k->r.v[rule_kind(rule) == RULE_SP ? CFI_SP : CFI_FP] + (uint64_t)rule_cfa(rule);
	uint64_t pc, fp;

	if (__builtin_expect(cfa <= k->r.v[CFI_SP] || cfa - k->r.v[CFI_SP] > 1ull << 30, 0))
		return cut(k);
	if (!read_stack(k, cfa - 8 * rule_ra(rule), &pc))
		return cut(k);
	if (rule_fp(rule)) {
		if (!read_stack(k, cfa - 8 * rule_fp(rule), &fp))
			return cut(k);
		k->r.v[CFI_FP] = fp;
	}
	return go_up(k, pc, cfa);
}

/* What the kernel saved for the signal handler, which returns into this frame. Layouts: asm/sigcontext.h, asm/ucontext.h. */
static bool step_signal(struct walker *k)
{
#if defined(__x86_64__)
	static const uint8_t order[] = { 8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16 };
	uint64_t at = k->r.v[CFI_SP] + 40;
	uint32_t nr = sizeof(order);
#else
	static const uint8_t order[] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
		                         16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };
	uint64_t at = k->r.v[CFI_SP] + 312;
	uint32_t nr = sizeof(order);
#endif
	uint64_t pc = 0, v;

	for (uint32_t i = 0; i < nr; i++) {
		if (!read_stack(k, at + 8 * i, &v))
			return cut(k);
		if (i == nr - 1)
			pc = v;
		else
			k->r.v[order[i]] = v;
	}
	k->r.known = ~0u;
	if (!pc)
		return false;
	k->pc = pc;
	k->is_call = false;
	settle_on(k, k->r.v[CFI_SP]);
	return true;
}

/* No rule: what a frame pointer would say, if everything about it is plausible. */
static bool step_guess(struct walker *k)
{
	uint64_t fp = k->r.v[CFI_FP], sp = k->r.v[CFI_SP], pc, next;

	k->is_guessing = true;
	if (fp < sp || fp - sp > MAX_GUESS_BYTES || fp & 7 || !read_stack(k, fp, &next) || !read_stack(k, fp + 8, &pc))
		return cut(k);
	if (pc < PAGE || (next && next <= fp))
		return cut(k);
	k->r.v[CFI_FP] = next;
	return go_up(k, pc, fp + 16);
}

static bool cfa_of(struct walker *k, const struct cfi_row *row, uint64_t *cfa)
{
	if (row->cfa_is_expression)
		return cfi_evaluate(row, row->cfa_at, &k->r, false, 0, read_stack, k, cfa);
	if (!(k->r.known >> row->cfa_reg & 1))
		return false;
	*cfa = k->r.v[row->cfa_reg] + (uint64_t)(int64_t)row->cfa_at;
	return true;
}

static bool recover(struct walker *k, const struct cfi_row *row, uint32_t reg, uint64_t cfa, uint64_t *out)
{
	const struct cfi_register *r = &row->regs[reg];
	uint64_t at;

	switch ((enum cfi_how)r->how) {
	case CFI_SAME: *out = k->r.v[reg]; return k->r.known >> reg & 1;
	case CFI_OFFSET: return read_stack(k, cfa + (uint64_t)(int64_t)r->at, out);
	case CFI_VAL_OFFSET: *out = cfa + (uint64_t)(int64_t)r->at; return true;
	case CFI_REGISTER:
		*out = (uint32_t)r->at < CFI_NR_REGS ? k->r.v[r->at] : 0;
		return (uint32_t)r->at < CFI_NR_REGS && k->r.known >> r->at & 1;
	case CFI_EXPRESSION:
		return cfi_evaluate(row, r->at, &k->r, true, cfa, read_stack, k, &at) && read_stack(k, at, out);
	case CFI_VAL_EXPRESSION: return cfi_evaluate(row, r->at, &k->r, true, cfa, read_stack, k, out);
	case CFI_UNDEFINED: return false;
	}
	return false;
}

/* All registers, no cache. */
static bool step_full(struct walker *k)
{
	struct cfi_registers next = { .known = 0 };
	struct cfi_row row;
	uint64_t cfa, pc = 0;

	cfi_find(k->view->eh_frame_hdr, k->view->end, place_of(k), &row);
	k->w->nr_misses++;
	if (!row.is_valid)
		return step_guess(k);
	if (row.is_signal)
		return step_signal(k);
	if (row.regs[row.ra].how == CFI_UNDEFINED)
		return false;
	if (!cfa_of(k, &row, &cfa) || cfa < k->r.v[CFI_SP] || !recover(k, &row, row.ra, cfa, &pc))
		return cut(k);
	for (uint32_t i = 0; i < CFI_NR_REGS; i++)
		if (recover(k, &row, i, cfa, &next.v[i]))
			next.known |= 1u << i;
	k->r = next;
	k->r.known |= 1u << CFI_SP;
	return go_up(k, pc, cfa);
}

static void begin(struct walker *k, const struct seep_regs *regs)
{
	static const struct seep_module_view nothing;

	k->w->nr = 0;
	k->w->flags = 0;
	k->is_guessing = false;
	k->guess_page = 1;
	k->view = &nothing;
	k->pc = strip(regs->pc);
	k->is_call = true;
	k->r.v[CFI_SP] = regs->sp;
#if defined(__x86_64__)
	k->r.v[CFI_FP] = regs->rbp;
	k->r.v[3] = regs->rbx;
	k->r.v[12] = regs->r12;
	k->r.v[13] = regs->r13;
	k->r.v[14] = regs->r14;
	k->r.v[15] = regs->r15;
	k->r.known = 1u << CFI_SP | 1u << CFI_FP | 1u << 3 | 0xfu << 12;
#else
	k->r.v[CFI_FP] = regs->fp;
	for (uint32_t i = 0; i < 10; i++)
		k->r.v[19 + i] = regs->x[i];
	k->r.known = 1u << CFI_SP | 1u << CFI_FP | 0x3ffu << 19;
#endif
	settle_on(k, regs->sp);
}

/* Everything but the two simple rules. False at the end of the walk. */
static bool step_other(struct walker *k, uint64_t rule)
{
	switch (rule_kind(rule)) {
	case RULE_SP:
	case RULE_FP: return step_simple(k, rule);
	case RULE_SIGNAL: return step_signal(k);
	case RULE_MISSING: return step_guess(k);
	case RULE_FULL:
	case RULE_NONE:
	case RULE_END: return false;
	}
	return false;
}

/*
 * The common case in a loop of its own, with all that it needs in registers: frames in one module, simple rules in the cache, reads in
 * the known range. Leaves at the first frame that needs more; k then describes that frame.
 */
static void walk_fast(struct walker *k)
{
	const uint64_t start = k->view->start, size = k->view->end - start, base = SEEP_REC_FRAME(k->view->index, 0);
	const uint64_t low = k->thread->stack_low, high = k->thread->stack_high;
	uint64_t pc = k->pc, sp = k->r.v[CFI_SP], fp = k->r.v[CFI_FP];
	uint64_t *frame = k->w->frames + k->w->nr, *const last = k->w->frames + SEEP_REC_MAX_FRAMES;

	while (frame < last) {
		uint64_t offset = pc - 1 - start, key = base | offset, rule, cfa, saved, caller;

		if (__builtin_expect(offset >= size, 0))
			break;
		rule = cache_get(key);
		if (__builtin_expect(rule_kind(rule) - 1 > RULE_FP - 1, 0))
			break;
		cfa = (rule_kind(rule) == RULE_SP ? sp : fp) + (uint64_t)rule_cfa(rule);
		saved = cfa - 8 * rule_fp(rule);
		/* What is read lies between `low` and the CFA, which is above the stack pointer and below `high`. */
		if (__builtin_expect(cfa <= sp || cfa > high || (cfa & 7) || saved < low, 0))
			break;
		caller = strip(*(const uint64_t *)(uintptr_t)(cfa - 8 * rule_ra(rule)));
		if (__builtin_expect(!caller, 0))
			break;
		if (saved != cfa)
			fp = *(const uint64_t *)(uintptr_t)saved;
		pc = caller;
		sp = cfa;
		*frame++ = key;
	}
	k->pc = pc;
	k->r.v[CFI_SP] = sp;
	k->r.v[CFI_FP] = fp;
	k->w->nr = (uint32_t)(frame - k->w->frames);
}

/* False if the walk must be done again in full. */
static bool walk(struct walker *k)
{
	for (;;) {
		uint64_t key, rule;
		bool goes_on;

		if (k->is_call && !k->is_full && !k->is_guessing && k->view->index)
			walk_fast(k);
		if (!add_frame(k, &key))
			return true;
		if (k->is_full && k->view->eh_frame_hdr) {
			goes_on = step_full(k);
		} else {
			rule = rule_for(k, key);
			if (rule_kind(rule) == RULE_FULL)
				return false;
			goes_on = step_other(k, rule);
		}
		if (!goes_on)
			return true;
	}
}

/* Our own frames at the leaf: a call that came through a function of ours. */
static uint32_t recorder_index;

static void drop_own_frames(struct seep_walk *w)
{
	uint32_t nr = 0;

	while (nr < w->nr && SEEP_REC_FRAME_MODULE(w->frames[nr]) == recorder_index)
		nr++;
	if (!nr || !recorder_index)
		return;
	w->nr -= nr;
	__builtin_memmove(w->frames, w->frames + nr, w->nr * sizeof(w->frames[0]));
}

void seep_unwind(const struct seep_regs *regs, struct seep_walk_thread *thread, struct seep_walk *w)
{
	struct walker k; /* not zeroed: begin() and nr_views say what holds */

	k.w = w;
	k.thread = thread;
	k.nr_views = 0;
	k.is_full = false;
	w->nr_misses = 0;
	w->module_lost = false;
	begin(&k, regs);
	if (__builtin_expect(!walk(&k), 0)) {
		k.is_full = true;
		begin(&k, regs);
		(void)walk(&k);
	}
	if (__builtin_expect(w->nr && SEEP_REC_FRAME_MODULE(w->frames[0]) == recorder_index, 0))
		drop_own_frames(w);
}

/* ---- the rest of the contract ---- */

void seep_unwind_init(const struct seep_modules_config *config)
{
	seep_modules_init(config);
	loader_start = getauxval(AT_BASE);
	recorder_index = seep_unwind_module_of((uint64_t)(uintptr_t)&cache);
}

bool seep_unwind_has_find_object(void) { return seep_modules_have_find_object(); }

/* Modules found by the fork's other threads are published or not; the cache checks itself. Nothing is held. */
void seep_unwind_after_fork(void) { seep_modules_after_fork(); }

uint32_t seep_unwind_nr_modules(void) { return seep_modules_nr(); }

uint64_t seep_unwind_private_bytes(void) { return sizeof(cache) + seep_modules_private_bytes(); }

uint32_t seep_unwind_module_of(uint64_t pc)
{
	struct seep_module_view v;

	seep_module_find(pc, &v);
	return v.index;
}

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl seep_regs_capture\n"
        ".hidden seep_regs_capture\n"
        ".type seep_regs_capture, @function\n"
        "seep_regs_capture:\n"
        "	.cfi_startproc\n"
        "	movq (%rsp), %rax\n"
        "	movq %rax, (%rdi)\n"
        "	leaq 8(%rsp), %rax\n"
        "	movq %rax, 8(%rdi)\n"
        "	movq %rbp, 16(%rdi)\n"
        "	movq %rbx, 24(%rdi)\n"
        "	movq %r12, 32(%rdi)\n"
        "	movq %r13, 40(%rdi)\n"
        "	movq %r14, 48(%rdi)\n"
        "	movq %r15, 56(%rdi)\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size seep_regs_capture, .-seep_regs_capture\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl seep_regs_capture\n"
        ".hidden seep_regs_capture\n"
        ".type seep_regs_capture, %function\n"
        "seep_regs_capture:\n"
        "	.cfi_startproc\n"
        "	mov x9, sp\n"
        "	stp x30, x9, [x0]\n"
        "	stp x29, x19, [x0, #16]\n"
        "	stp x20, x21, [x0, #32]\n"
        "	stp x22, x23, [x0, #48]\n"
        "	stp x24, x25, [x0, #64]\n"
        "	stp x26, x27, [x0, #80]\n"
        "	str x28, [x0, #96]\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size seep_regs_capture, .-seep_regs_capture\n");
#endif
