// pool.cpp: a persistent thread pool with a low wake latency.
//
// One 64-bit word says everything a worker must know: the number of the current job (upper 32 bits), whether it may
// still be joined (one bit) and how many workers are inside it. A worker joins by a compare-and-swap on that word and
// takes tasks from a shared counter. The caller takes tasks too; when none is left it closes the job and waits only
// for the workers that joined: one that was too slow to wake up (an oversubscribed machine) is never waited for.
//
// An idle worker spins for some tens of microseconds, because ops follow one another closely, and then sleeps on a
// condition variable.
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <atomic>
#include <new>

#include "../stream.h"
#include "dispatch.h"

namespace mr {

namespace {

constexpr uint64_t OPEN = 1ull << 31;
constexpr uint64_t INSIDE = OPEN - 1;  // mask of the number of workers inside the job
constexpr int64_t SPIN_NANOSECONDS = 60000;

// Set while this thread runs tasks: a nested call runs serially.
thread_local bool inside_a_job = false;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

inline int64_t now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Spins until ready() or the time is over; says which.
template <class Ready>
bool spin(Ready ready) {
  int64_t end = 0;
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (ready()) return true;
      relax();
    }
    int64_t t = now();
    if (end == 0) end = t + SPIN_NANOSECONDS;
    if (t > end) return false;
  }
}

}  // namespace

class Pool {
 public:
  bool start(int32_t workers) {
    pthread_mutex_init(&mutex_, nullptr);
    pthread_cond_init(&wake_, nullptr);
    pthread_cond_init(&done_, nullptr);
    if (workers == 0) return true;
    threads_ = static_cast<pthread_t*>(malloc(sizeof(pthread_t) * (size_t)workers));
    if (threads_ == nullptr) return false;
    for (; workers_ < workers; workers_++)
      if (pthread_create(&threads_[workers_], nullptr, &Pool::enter, this) != 0) return false;
    return true;
  }

  ~Pool() {
    quit_.store(true);
    pthread_mutex_lock(&mutex_);
    pthread_cond_broadcast(&wake_);
    pthread_mutex_unlock(&mutex_);
    for (int32_t i = 0; i < workers_; i++) pthread_join(threads_[i], nullptr);
    free(threads_);
    pthread_cond_destroy(&done_);
    pthread_cond_destroy(&wake_);
    pthread_mutex_destroy(&mutex_);
  }

  void run(int64_t tasks, void (*body)(void*, int64_t), void* context) {
    if (workers_ == 0 || tasks <= 1 || inside_a_job) {
      for (int64_t task = 0; task < tasks; task++) body(context, task);
      return;
    }
    // The last job is closed and no worker is inside: these fields are the caller's alone.
    body_ = body;
    context_ = context;
    tasks_ = tasks;
    next_.store(0, std::memory_order_relaxed);
    uint64_t job = (state_.load(std::memory_order_relaxed) >> 32) + 1;
    state_.store(job << 32 | OPEN);
    // Either a worker about to sleep sees the new job, or the caller sees the worker among the sleepers: both accesses
    // are sequentially consistent on both sides.
    if (sleepers_.load() > 0) {
      pthread_mutex_lock(&mutex_);
      pthread_cond_broadcast(&wake_);
      pthread_mutex_unlock(&mutex_);
    }
    inside_a_job = true;
    take_tasks();
    inside_a_job = false;
    state_.fetch_and(~OPEN);
    auto empty = [this] { return (state_.load(std::memory_order_acquire) & INSIDE) == 0; };
    if (spin(empty)) return;
    pthread_mutex_lock(&mutex_);
    caller_waits_.store(true);
    while ((state_.load() & INSIDE) != 0) pthread_cond_wait(&done_, &mutex_);
    caller_waits_.store(false);
    pthread_mutex_unlock(&mutex_);
  }

 private:
  static void* enter(void* pool) {
    static_cast<Pool*>(pool)->work();
    return nullptr;
  }

  void take_tasks() {
    for (;;) {
      int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks_) return;
      body_(context_, task);
    }
  }

  void work() {
    inside_a_job = true;
    uint64_t seen = 0;  // the last job this worker looked at
    auto news = [&] { return (state_.load(std::memory_order_acquire) >> 32) != seen || quit_.load(std::memory_order_relaxed); };
    for (;;) {
      if (!spin(news)) {
        pthread_mutex_lock(&mutex_);
        sleepers_.fetch_add(1);
        while ((state_.load() >> 32) == seen && !quit_.load()) pthread_cond_wait(&wake_, &mutex_);
        sleepers_.fetch_sub(1);
        pthread_mutex_unlock(&mutex_);
      }
      if (quit_.load()) return;
      uint64_t state = state_.load(std::memory_order_acquire);
      seen = state >> 32;
      bool joined = false;
      while ((state & OPEN) != 0 && state >> 32 == seen && !joined)
        joined = state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel, std::memory_order_acquire);
      if (!joined) continue;  // closed already, or a newer job: news() sees that one
      take_tasks();
      uint64_t left = state_.fetch_sub(1) - 1;
      if ((left & (OPEN | INSIDE)) == 0 && caller_waits_.load()) {
        pthread_mutex_lock(&mutex_);
        pthread_cond_signal(&done_);
        pthread_mutex_unlock(&mutex_);
      }
    }
  }

  // Three cache lines that different threads write at different rates.
  alignas(64) std::atomic<uint64_t> state_{0};
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) int64_t tasks_ = 0;
  void (*body_)(void*, int64_t) = nullptr;
  void* context_ = nullptr;
  std::atomic<int32_t> sleepers_{0};
  std::atomic<bool> caller_waits_{false};
  std::atomic<bool> quit_{false};
  pthread_mutex_t mutex_;
  pthread_cond_t wake_;  // for workers: a job is open
  pthread_cond_t done_;  // for the caller: the last worker left
  pthread_t* threads_ = nullptr;
  int32_t workers_ = 0;
};

Pool* pool_create(int32_t threads) {
  void* memory = aligned_alloc(64, (sizeof(Pool) + 63) / 64 * 64);
  if (memory == nullptr) return nullptr;
  Pool* pool = new (memory) Pool;
  if (pool->start(threads - 1)) return pool;
  pool_destroy(pool);
  return nullptr;
}

void pool_destroy(Pool* pool) {
  pool->~Pool();
  free(pool);
}

void pool_run(Pool* pool, int64_t tasks, void (*body)(void* context, int64_t task), void* context) {
  pool->run(tasks, body, context);
}

void run_tasks(mr_stream* s, int64_t tasks, void (*body)(void* context, int64_t task), void* context) {
  pool_run(s->pool, tasks, body, context);
}

}  // namespace mr
