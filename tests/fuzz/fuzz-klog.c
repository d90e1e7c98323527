/* Kernel log text: whoever may name a process or a cgroup writes into it. */
#include <string.h>

#include "fuzz.h"
#include "system/system.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seep_klog log = { 0 };

	seep_klog_parse(&log, (const char *)data, size);
	for (size_t i = 0; i < log.nr; i++) {
		MUST(memchr(log.kills[i].comm, 0, sizeof(log.kills[i].comm)));
		MUST(memchr(log.kills[i].memcg, 0, sizeof(log.kills[i].memcg)));
		MUST(seep_klog_find(&log, log.kills[i].pid, NULL, 0));
	}
	seep_klog_release(&log);
	return 0;
}
