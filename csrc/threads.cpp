// The threads: OpenMP's, where the caller shares its own with us, or else ours, which sleep while nobody calls. One call at a
// time has them: another one that comes meanwhile computes alone, to the same bits.
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "kernels/engine.h"

namespace {

void rest_a_little() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

std::atomic<const rennet_openmp *> openmp{nullptr};

struct Job {
    const rennet_openmp *openmp;
    long count;
    void (*work)(void *, long, long);
    void *all;
};

// What each of OpenMP's threads does with a job: it may have fewer of them than the job could use, or more.
void take_part(void *given) {
    const Job &job = *(const Job *)given;
    const long team = job.openmp->count(), count = job.count < team ? job.count : team, id = job.openmp->id();
    if (id < count) job.work(job.all, id, count);
}

class Threads {
  public:
    void run(long count, void (*work)(void *, long, long), void *all) {
        std::unique_lock<std::mutex> mine(taken_, std::try_to_lock);
        if (const rennet_openmp *shared = openmp.load(std::memory_order_acquire); shared && mine.owns_lock()) {
            Job job{shared, count, work, all};
            // all threads that it would take for the caller's own work: a smaller team makes it end the others
            return shared->parallel(take_part, &job, 0, 0);
        }
        if (count > 1 && mine.owns_lock()) count = grow_to(count);
        if (count == 1 || !mine.owns_lock()) return work(all, 0, 1);
        work_ = work, all_ = all, count_ = count;
        running_.store(workers_, std::memory_order_relaxed);
        {
            // under the lock: a worker that is falling asleep must not miss this
            std::lock_guard<std::mutex> lock(sleep_);
            calls_.fetch_add(1, std::memory_order_release);
            if (asleep_) wake_.notify_all();
        }
        work(all, 0, count);
        // a worker that has not been given a core yet may be waiting for this one
        for (long spins = 0; running_.load(std::memory_order_acquire); spins++)
            spins < 4096 ? rest_a_little() : (void)sched_yield();
    }

  private:
    // Calls in a row find nobody asleep; waking a thread takes as long as this.
    static constexpr std::chrono::microseconds PATIENCE{100};

    bool called_soon(unsigned long seen) const {
        const auto end = std::chrono::steady_clock::now() + PATIENCE;
        do {
            for (int spins = 0; spins < 32; spins++) {
                if (calls_.load(std::memory_order_acquire) != seen) return true;
                rest_a_little();
            }
        } while (std::chrono::steady_clock::now() < end);
        return false;
    }

    long grow_to(long count) {
        try {
            while (workers_ < count - 1) {
                std::thread(&Threads::serve, this, workers_ + 1, calls_.load()).detach();
                workers_++;
            }
        } catch (const std::system_error &) {
            // the system gives no more: go on with those that there are
        }
        return count < workers_ + 1 ? count : workers_ + 1;
    }

    void serve(long id, unsigned long seen) {
        for (;;) {
            if (!called_soon(seen)) {
                std::unique_lock<std::mutex> lock(sleep_);
                asleep_++;
                wake_.wait(lock, [&] { return calls_.load(std::memory_order_acquire) != seen; });
                asleep_--;
            }
            seen++;
            if (id < count_) work_(all_, id, count_);
            running_.fetch_sub(1, std::memory_order_release);
        }
    }

    std::mutex taken_;  // by the call that has the threads
    long workers_ = 0;
    void (*work_)(void *, long, long) = nullptr;
    void *all_ = nullptr;
    long count_ = 0;
    std::atomic<unsigned long> calls_{0};
    std::atomic<long> running_{0};
    std::mutex sleep_;
    std::condition_variable wake_;
    long asleep_ = 0;
};

// Never destroyed: workers may still wait on it when the process ends.
std::atomic<Threads *> threads{nullptr};

// A forked child has no threads but its own, and locks in whatever state they were: it begins anew, and with threads of ours,
// as OpenMP's may wait for those that it had in the parent.
void begin_anew() {
    openmp.store(nullptr);
    threads.store(new Threads);
}

Threads &ours() {
    static const int registered = [] {
        threads.store(new Threads);
        return pthread_atfork(nullptr, nullptr, begin_anew);
    }();
    (void)registered;
    return *threads.load();
}

}  // namespace

void run_together(long count, void (*work)(void *, long, long), void *all) {
    if (count <= 1) return work(all, 0, 1);
    ours().run(count, work, all);
}

void rennet_share_threads(const rennet_openmp *shared) {
    static rennet_openmp kept;
    ours();  // a child of a fork must lose them again
    if (shared) kept = *shared;
    openmp.store(shared ? &kept : nullptr, std::memory_order_release);
}
