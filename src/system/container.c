/*
 * Containers by name or id. A container's id stands in the cgroup path of each of its processes (runc, crun,
 * containerd, systemd scopes); names are looked up in what docker and podman leave on disk:
 *   /var/lib/docker/containers/ID/config.v2.json           "Name":"/NAME"
 *   STORAGE/overlay-containers/containers.json (podman)    "id":"ID","names":["NAME"]
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "system/place.h"
#include "system/system.h"

enum { ID_LENGTH = 64, SHORT_ID = 12 };

static bool is_id(const char *name)
{
	size_t len = strspn(name, "0123456789abcdef");

	return !name[len] && len >= SHORT_ID && len <= ID_LENGTH;
}

static bool from_docker(const char *root, const char *name, char id[ID_LENGTH + 1])
{
	char dir[1024], want[300];
	struct dirent *e;
	DIR *stream = place_path(dir, sizeof(dir), root, "/var/lib/docker/containers") ? opendir(dir) : NULL;
	bool found = false;

	snprintf(want, sizeof(want), "\"Name\":\"/%s\"", name);
	while (!found && stream && (e = readdir(stream))) {
		char *text;

		if (!is_id(e->d_name))
			continue;
		text = place_read(root, NULL, "/var/lib/docker/containers/%s/config.v2.json", e->d_name);
		found = text && strstr(text, want);
		if (found)
			snprintf(id, ID_LENGTH + 1, "%.64s", e->d_name);
		free(text);
	}
	if (stream)
		closedir(stream);
	return found;
}

/* The last "id":"…" before the name. */
static bool id_before(const char *text, const char *at, char id[ID_LENGTH + 1])
{
	static const char key[] = "\"id\":\"";
	const char *found = NULL;

	for (const char *c = strstr(text, key); c && c < at; c = strstr(c + 1, key))
		found = c + strlen(key);
	if (!found)
		return false;
	snprintf(id, ID_LENGTH + 1, "%.*s", (int)strcspn(found, "\""), found);
	return is_id(id);
}

static bool from_podman(const char *root, const char *name, char id[ID_LENGTH + 1])
{
	static const char *const files[] = { "overlay-containers", "vfs-containers", "overlay-layers" };
	char want[300];
	bool found = false;

	snprintf(want, sizeof(want), "\"%s\"", name);
	for (size_t i = 0; i < ARRAY_SIZE(files) && !found; i++) {
		char *text = place_read(root, NULL, "/var/lib/containers/storage/%s/containers.json", files[i]);
		const char *names = text;

		while (!found && names && (names = strstr(names, "\"names\":["))) {
			const char *end = strchr(names, ']'), *at = strstr(names, want);

			found = end && at && at < end && id_before(text, names, id);
			names++;
		}
		free(text);
	}
	return found;
}

static bool is_in(const char *root, uint32_t pid, const char *id)
{
	char *text = place_read(root, NULL, "/proc/%u/cgroup", pid);
	bool found = text && strstr(text, id);

	free(text);
	return found;
}

uint32_t *seep_container_pids(const char *root, const char *name, size_t *nr)
{
	char id[ID_LENGTH + 1] = "";
	uint32_t *pids;
	size_t nr_all;

	*nr = 0;
	if (strlen(name) > 255)
		return NULL;
	if (!from_docker(root, name, id) && !from_podman(root, name, id) && is_id(name))
		snprintf(id, sizeof(id), "%s", name);
	if (!id[0])
		return NULL;
	pids = seep_process_list(root, &nr_all);
	for (size_t i = 0; i < nr_all; i++)
		if (is_in(root, pids[i], id))
			pids[(*nr)++] = pids[i];
	return pids;
}
