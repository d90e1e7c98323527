/*
 * A small HTTP server with a bug of the common kind: every login opens a session, and nothing ever closes one.
 * With --max-sessions=N it is the honest twin: the sessions that were used longest ago make room for new ones.
 *
 *   GET /login?user=NAME   opens a session, answers its token
 *   GET /page/NUMBER       renders a page (memory of one request, and a bounded cache)
 *   GET /stats             sessions and cached pages
 *
 * Threads: four workers, each serves one connection at a time; the stores have one lock each. SIGTERM ends it with 0.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace shop {

struct Session {
	std::string user, token;
	std::vector<std::string> basket;
};

class SessionStore {
public:
	explicit SessionStore(size_t limit) : max_sessions(limit)
	{
	}

	std::string open(const std::string &user);
	size_t size();

private:
	void make_room();

	const size_t max_sessions; /* 0: without a limit, which is the bug */
	std::mutex lock;
	std::unordered_map<std::string, Session> sessions;
	std::list<std::string> oldest_first;
};

static std::string make_token()
{
	static thread_local std::mt19937_64 random{ std::random_device{}() };
	char text[33];

	snprintf(text, sizeof(text), "%016llx%016llx", (unsigned long long)random(), (unsigned long long)random());
	return text;
}

void SessionStore::make_room()
{
	while (max_sessions && sessions.size() >= max_sessions) {
		sessions.erase(oldest_first.front());
		oldest_first.pop_front();
	}
}

std::string SessionStore::open(const std::string &user)
{
	Session session;

	session.user = user;
	session.token = make_token();
	for (int i = 0; i < 8; i++)
		session.basket.emplace_back(160, (char)('a' + i));

	std::lock_guard<std::mutex> guard(lock);
	make_room();
	if (max_sessions)
		oldest_first.push_back(session.token);
	std::string token = session.token;
	sessions.emplace(token, std::move(session));
	return token;
}

size_t SessionStore::size()
{
	std::lock_guard<std::mutex> guard(lock);
	return sessions.size();
}

class PageCache {
public:
	std::string render(unsigned number);
	size_t size();

private:
	static constexpr unsigned nr_slots = 512;
	std::mutex lock;
	std::unordered_map<unsigned, std::string> pages;
};

std::string PageCache::render(unsigned number)
{
	std::vector<std::string> words;

	for (unsigned i = 0; i < 64; i++)
		words.push_back("item " + std::to_string(number * 64 + i) + "\n");
	std::string page;
	for (const std::string &word : words)
		page += word;
	std::lock_guard<std::mutex> guard(lock);
	return pages[number % nr_slots] = page;
}

size_t PageCache::size()
{
	std::lock_guard<std::mutex> guard(lock);
	return pages.size();
}

class Server {
public:
	explicit Server(size_t max_sessions) : sessions(max_sessions)
	{
	}

	void work(int listener);

private:
	void serve(int connection);
	std::string answer(const std::string &path);

	SessionStore sessions;
	PageCache pages;
};

std::string Server::answer(const std::string &path)
{
	if (path.rfind("/login?user=", 0) == 0)
		return sessions.open(path.substr(strlen("/login?user="))) + "\n";
	if (path.rfind("/page/", 0) == 0)
		return pages.render((unsigned)strtoul(path.c_str() + strlen("/page/"), nullptr, 10));
	if (path == "/stats")
		return std::to_string(sessions.size()) + " sessions, " + std::to_string(pages.size()) + " pages\n";
	return std::string();
}

static bool send_all(int connection, const std::string &text)
{
	for (size_t sent = 0; sent < text.size();) {
		ssize_t n = send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
		if (n < 0)
			return false;
		sent += (size_t)n;
	}
	return true;
}

/* Answers requests until the client closes; a request ends at its empty line and has no body. */
void Server::serve(int connection)
{
	std::string input;
	char chunk[4096];
	ssize_t n;

	while ((n = recv(connection, chunk, sizeof(chunk), 0)) > 0) {
		input.append(chunk, (size_t)n);
		for (size_t end; (end = input.find("\r\n\r\n")) != std::string::npos; input.erase(0, end + 4)) {
			size_t from = input.find(' '), to = input.find(' ', from + 1);
			bool is_request = to != std::string::npos && to < end;
			std::string body = is_request ? answer(input.substr(from + 1, to - from - 1)) : std::string();
			std::string head = body.empty() ? "HTTP/1.1 404 Not Found" : "HTTP/1.1 200 OK";
			head += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
			if (!send_all(connection, head + body))
				return;
		}
		if (input.size() > sizeof(chunk))
			return;
	}
}

void Server::work(int listener)
{
	for (;;) {
		int one = 1, connection = accept(listener, nullptr, nullptr);
		if (connection < 0)
			continue;
		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		serve(connection);
		close(connection);
	}
}

static int listen_on(unsigned port)
{
	struct sockaddr_in address = {};
	int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64)) {
		fprintf(stderr, "server: cannot listen on port %u: %s\n", port, strerror(errno));
		exit(1);
	}
	return listener;
}

static unsigned long number_option(int argc, char **argv, const char *name, unsigned long value)
{
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], name, strlen(name)))
			value = strtoul(argv[i] + strlen(name), nullptr, 10);
	return value;
}

} // namespace shop

int main(int argc, char **argv)
{
	sigset_t ending;
	int number;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ending, nullptr);

	int listener = shop::listen_on((unsigned)shop::number_option(argc, argv, "--port=", 7311));
	/* Never destroyed: the workers use it until the process is gone. */
	shop::Server &server = *new shop::Server(shop::number_option(argc, argv, "--max-sessions=", 0));
	for (int i = 0; i < 4; i++)
		std::thread(&shop::Server::work, &server, listener).detach();
	sigwait(&ending, &number);
	return 0;
}
