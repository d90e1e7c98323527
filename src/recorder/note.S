/*
 * The note by which an object that has the recorder inside is told from others: by the tool, which need not preload
 * another, and by a preloaded recorder, which leaves it to the one in front. Owner "seep", type 1, the version of the format.
 */
	.section .note.seep,"a",%note
	.p2align 2
	.long	5, 4, 1
	.asciz	"seep"
	.p2align 2
	.long	2

	.section .note.GNU-stack,"",%progbits
