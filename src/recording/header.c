#include <inttypes.h>
#include <string.h>

#include "recording/private.h"

static const uint32_t entry_bytes[] = {
	[SEEP_REC_SEC_STATUS] = sizeof(struct seep_rec_status),
	[SEEP_REC_SEC_PERIODS] = sizeof(struct seep_rec_period),
	[SEEP_REC_SEC_MODULES] = sizeof(struct seep_rec_module),
	[SEEP_REC_SEC_STACKS] = sizeof(struct seep_rec_stack),
	[SEEP_REC_SEC_FRAMES] = sizeof(uint64_t),
	[SEEP_REC_SEC_COUNTERS] = 2 * sizeof(struct seep_rec_counters),
	[SEEP_REC_SEC_HISTORY] = sizeof(struct seep_rec_history),
	[SEEP_REC_SEC_SAMPLES] = sizeof(struct seep_rec_sample),
	[SEEP_REC_SEC_THREADS] = sizeof(struct seep_rec_thread),
	[SEEP_REC_SEC_RING] = sizeof(struct seep_rec_ring),
	[SEEP_REC_SEC_SYSTEM] = sizeof(struct seep_rec_system),
	[SEEP_REC_SEC_ENDED] = sizeof(struct seep_rec_ended),
	[SEEP_REC_SEC_TRAIL] = sizeof(struct seep_rec_trail),
	[SEEP_REC_SEC_SNAPS] = sizeof(struct seep_rec_snap),
	[SEEP_REC_SEC_MARKS] = sizeof(struct seep_rec_mark),
	[SEEP_REC_SEC_HEAPS] = sizeof(struct seep_rec_heap),
};

bool seep_recording_is(const void *bytes, size_t len)
{
	return len >= 8 && !memcmp(bytes, SEEP_REC_MAGIC, 8);
}

static enum seep_status wrong(const struct source *s, uint64_t offset, const char *what, struct seep_error *err)
{
	return seep_fail_at(err, SEEP_ERR_FORMAT, offset, "'%s' is a corrupt recording: %s", s->name, what);
}

/* What is no recording of ours at all is told in the words of what it is. */
static enum seep_status check_kind(const struct source *s, const struct seep_rec_header *h, size_t nr_bytes,
                                   struct seep_error *err)
{
	static const char nothing[8];

	if (!nr_bytes)
		return seep_fail(err, SEEP_ERR_FORMAT, "'%s' is not a recording: it is empty", s->name);
	if (nr_bytes >= 8 && !memcmp(h->magic, nothing, 8))
		return seep_fail(err, SEEP_ERR_FORMAT, "'%s' is not a recording: its header was never finished",
		                 s->name);
	if (!seep_recording_is(h, nr_bytes))
		return seep_fail(err, SEEP_ERR_FORMAT, "'%s' is not a recording: it does not start with SEEPREC",
		                 s->name);
	return SEEP_OK;
}

static enum seep_status check_version(const struct source *s, const struct seep_rec_header *h, size_t nr_bytes,
                                      struct seep_error *err)
{
	if (nr_bytes >= 16 && h->endian == __builtin_bswap32(SEEP_REC_ENDIAN))
		return seep_fail(err, SEEP_ERR_UNSUPPORTED, "cannot read '%s': its byte order is not this machine's",
		                 s->name);
	if (nr_bytes >= 12 && h->major != SEEP_REC_MAJOR)
		return seep_fail(err, SEEP_ERR_UNSUPPORTED,
		                 "cannot read '%s': recording of format version %u.%u, this program reads version %d",
		                 s->name, h->major, h->minor, SEEP_REC_MAJOR);
	if (nr_bytes < sizeof(*h))
		return seep_fail_at(err, SEEP_ERR_FORMAT, nr_bytes,
		                    "'%s' is cut within its header: %zu of %zu bytes are left", s->name, nr_bytes,
		                    sizeof(*h));
	if (h->endian != SEEP_REC_ENDIAN || h->header_bytes != sizeof(*h))
		return wrong(s, offsetof(struct seep_rec_header, endian), "header size or byte order is impossible",
		             err);
	return SEEP_OK;
}

static bool fits(const struct seep_rec_section *section, uint64_t file_bytes)
{
	uint64_t nr_bytes;

	return section->offset % 64 == 0 && section->offset >= SEEP_REC_WORDS_OFFSET + sizeof(struct seep_rec_words) &&
	       section->offset <= file_bytes &&
	       !__builtin_mul_overflow(section->count, section->entry_bytes, &nr_bytes) &&
	       nr_bytes <= file_bytes - section->offset;
}

static enum seep_status check_sections(const struct source *s, const struct seep_rec_header *h, struct seep_error *err)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < SEEP_REC_NR_SECTIONS && h->sections[i].kind != SEEP_REC_SEC_END; i++) {
		const struct seep_rec_section *section = &h->sections[i];
		uint64_t at = offsetof(struct seep_rec_header, sections) + i * sizeof(*section);
		uint32_t kind = section->kind;

		if (!fits(section, h->file_bytes))
			return wrong(s, at, "a section lies outside of the file", err);
		if (kind >= ARRAY_SIZE(entry_bytes))
			continue;
		if (section->entry_bytes != entry_bytes[kind])
			return wrong(s, at, "entries of a section have an impossible size", err);
		if (seen & 1u << kind)
			return wrong(s, at, "a section is there twice", err);
		seen |= 1u << kind;
	}
	return SEEP_OK;
}

static void end_strings(struct seep_rec_header *h)
{
	h->recorder_version[sizeof(h->recorder_version) - 1] = 0;
	h->name[sizeof(h->name) - 1] = 0;
	h->exe[sizeof(h->exe) - 1] = 0;
	h->cgroup[sizeof(h->cgroup) - 1] = 0;
	h->command[sizeof(h->command) - 1] = 0;
	h->hostname[sizeof(h->hostname) - 1] = 0;
	h->allocator[sizeof(h->allocator) - 1] = 0;
	if (h->exe_build_id_bytes > sizeof(h->exe_build_id))
		h->exe_build_id_bytes = 0;
}

enum seep_status header_read(const struct source *s, struct seep_rec_header *h, struct seep_rec_words *words,
                             struct seep_error *err)
{
	size_t nr_bytes = source_read(s, 0, h, sizeof(*h));
	enum seep_status status = check_kind(s, h, nr_bytes, err);

	if (status == SEEP_OK)
		status = check_version(s, h, nr_bytes, err);
	if (status != SEEP_OK)
		return status;
	if (slot_state(h, sizeof(*h), h->salt, 0) != SLOT_VALID)
		return wrong(s, offsetof(struct seep_rec_header, checksum), "the header's checksum is wrong", err);
	if (h->file_bytes > SEEP_REC_MAX_BYTES || h->file_bytes < SEEP_REC_WORDS_OFFSET + sizeof(*words))
		return wrong(s, offsetof(struct seep_rec_header, file_bytes), "its size is impossible", err);
	status = check_sections(s, h, err);
	if (status != SEEP_OK)
		return status;
	end_strings(h);
	if (source_read(s, SEEP_REC_WORDS_OFFSET, words, sizeof(*words)) < sizeof(*words))
		memset(words, 0, sizeof(*words));
	return SEEP_OK;
}

const struct seep_rec_section *header_section(const struct seep_rec_header *h, uint32_t kind)
{
	for (size_t i = 0; i < SEEP_REC_NR_SECTIONS && h->sections[i].kind != SEEP_REC_SEC_END; i++)
		if (h->sections[i].kind == kind)
			return &h->sections[i];
	return NULL;
}
