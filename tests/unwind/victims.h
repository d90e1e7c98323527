/* Code of many shapes whose stack is walked; each calls `leaf` at its end. Compiled without frame pointers
 * (meson.build). */
#ifndef SEEP_TESTS_UNWIND_VICTIMS_H
#define SEEP_TESTS_UNWIND_VICTIMS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef void leaf_fn(void);

/* victims.c */
int victim_recurse(int depth, leaf_fn *leaf);
int victim_alloca(int bytes, leaf_fn *leaf);
int victim_realigned(leaf_fn *leaf);
int victim_many_registers(int seed, leaf_fn *leaf);
int victim_big_frame(leaf_fn *leaf);
int victim_huge_frame(leaf_fn *leaf);
int victim_cold_part(int is_cold, leaf_fn *leaf);
void victim_qsort(leaf_fn *leaf);
void victim_bsearch(leaf_fn *leaf);
void victim_once(leaf_fn *leaf);

/* victims.cc */
void victim_std_sort(leaf_fn *leaf);
void victim_std_function(leaf_fn *leaf);
void victim_catch(leaf_fn *leaf);
void victim_destructor_during_throw(leaf_fn *leaf);

/* frames.S: no call frame information */
void frames_pushed(leaf_fn *leaf);              /* keeps a frame pointer */
void frames_garbage(leaf_fn *leaf);             /* the frame pointer register holds nonsense */
void frames_beyond(leaf_fn *leaf, void *frame); /* the frame pointer register holds `frame` */
void frames_bottom(leaf_fn *leaf);              /* frame pointer 0: the outermost frame */

#ifdef __cplusplus
}
#endif

#endif
