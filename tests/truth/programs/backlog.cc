/*
 * A queue whose consumer is slower than its producer: every job is freed in the end, later and later.
 * verdict: leak
 * function: make_job Queue::push
 */
#include "known.h"

#include <deque>
#include <memory>
#include <mutex>
#include <thread>

struct Job {
	std::unique_ptr<char[]> payload;
};

class Queue {
public:
	NOINLINE void push(std::unique_ptr<Job> job)
	{
		std::lock_guard<std::mutex> guard(lock);
		jobs.push_back(std::move(job));
	}
	NOINLINE std::unique_ptr<Job> pop()
	{
		std::lock_guard<std::mutex> guard(lock);
		if (jobs.empty())
			return nullptr;
		auto job = std::move(jobs.front());
		jobs.pop_front();
		return job;
	}

private:
	std::mutex lock;
	std::deque<std::unique_ptr<Job>> jobs;
};

static NOINLINE std::unique_ptr<Job> make_job(size_t size)
{
	auto job = std::make_unique<Job>();

	job->payload.reset((char *)known_filled(new char[size], size));
	return job;
}

static void consume(Queue &queue, double per_s)
{
	struct known_pace pace = { 0 };

	while (!known_is_over())
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--)
			queue.pop();
}

int main(int argc, char **argv)
{
	known_start(argc, argv);
	double per_s = known_range(1500, 6000), speed = 0.3 + 0.5 * known_random(), size = known_range(2e3, 8e3);
	Queue queue;
	struct known_pace pace = { 0 };
	std::thread consumer(consume, std::ref(queue), per_s * speed);

	while (!known_is_over())
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--)
			queue.push(make_job((size_t)size));
	known_end();
}
