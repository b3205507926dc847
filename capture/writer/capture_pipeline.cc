// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/capture_pipeline.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace crashdump {
namespace {

// zstd's block compression needs under 20 KiB; only what is touched costs memory.
constexpr size_t kStackBytes = 256 * kKiB;

// Waking a thread costs a twentieth of a chunk's compression, in a virtual machine more: the writer is woken for so
// many chunks at once, unless somebody waits for it.
constexpr uint64_t kBurst = 2;

// With so many more slots than threads every thread can compress while a burst is being written.
constexpr size_t SlotsFor(size_t threads) { return threads + kBurst; }

// Memory that was only promised is not there for certain: a page fault in mid-dump could meet the OOM killer.
void Touch(uint8_t* memory, uint64_t bytes) { memset(memory, 0, static_cast<size_t>(bytes)); }

uint64_t NowMilliseconds() {
  using std::chrono::steady_clock;
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now().time_since_epoch()).count());
}

// Says when it is time again.
class Interval {
 public:
  explicit Interval(uint64_t milliseconds) : milliseconds_(milliseconds), last_(NowMilliseconds()) {}
  bool IsOver() {
    const uint64_t now = NowMilliseconds();
    if (now < last_ + milliseconds_) return false;
    last_ = now;
    return true;
  }

 private:
  uint64_t milliseconds_, last_;
};

}  // namespace

uint64_t CapturePipeline::MemoryBytes(const PipelineOptions& options) {
  const uint64_t of_thread = ChunkCompressor::WorkspaceBytes(options.compression) + ChunkBuilder::kBufferBytes +
                             64 * kKiB;  // stack, and what allocation adds
  return options.threads * of_thread + SlotsFor(options.threads) * ChunkCompressor::kOutputBytes;
}

Result<std::unique_ptr<CapturePipeline>> CapturePipeline::Create(PageFiller filler, const PipelineOptions& options,
                                                                 const std::atomic<bool>& stop) {
  Require(options.threads >= 1 && options.threads <= kMaxThreads);
  std::unique_ptr<CapturePipeline> pipeline(new CapturePipeline(std::move(filler), options, stop));
  TRY(pipeline->Allocate());
  TRY(pipeline->StartThreads());
  return pipeline;
}

CapturePipeline::~CapturePipeline() {
  Abandon();
  JoinThreads();
}

Result<> CapturePipeline::Allocate() {
  slots_.resize(SlotsFor(options_.threads));
  for (Slot& slot : slots_) {
    slot.out = TRY(AllocateAligned(ChunkCompressor::kOutputBytes), "output buffer");
    Touch(slot.out.get(), ChunkCompressor::kOutputBytes);
  }
  for (unsigned i = 0; i < options_.threads; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->pipeline = this;
    worker->buffer = TRY(AllocateAligned(ChunkBuilder::kBufferBytes), "chunk buffer");
    Touch(worker->buffer.get(), ChunkBuilder::kBufferBytes);
    worker->builder.emplace(MutableBytes(worker->buffer.get(), ChunkBuilder::kBufferBytes), filler_.page_bytes());
    worker->compressor = TRY(ChunkCompressor::Create(options_.compression));
    workers_.push_back(std::move(worker));
  }
  return {};
}

Result<> CapturePipeline::StartThreads() {
  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes); error != 0) return Error::Os(error, "thread attributes");
  (void)pthread_attr_setstacksize(&attributes, kStackBytes);
  int error = 0;
  for (auto& worker : workers_) {
    error = pthread_create(&worker->thread, &attributes, ThreadMain, worker.get());
    if (error != 0) break;
    worker->started = true;
  }
  (void)pthread_attr_destroy(&attributes);
  while (!workers_.empty() && !workers_.back()->started) workers_.pop_back();
  if (workers_.empty()) return Error::Os(error, "start of a thread");
  return {};
}

void CapturePipeline::JoinThreads() {
  for (auto& worker : workers_) {
    if (worker->started) (void)pthread_join(worker->thread, nullptr);
    worker->started = false;
  }
}

void* CapturePipeline::ThreadMain(void* worker) {
  auto* const self = static_cast<Worker*>(worker);
  self->pipeline->Work(*self);
  return nullptr;
}

void CapturePipeline::Work(Worker& worker) {
  {
    std::unique_lock lock(state_lock_);
    for_workers_.wait(lock, [this] { return running_ || abandoned_; });
  }
  while (const std::optional<TakenChunk> taken = TakeChunk(worker)) {
    Slot& slot = slots_[static_cast<size_t>(taken->number % slots_.size())];
    const Result<CompressedChunk> chunk =
        Compress(worker, taken->level, {slot.out.get(), ChunkCompressor::kOutputBytes});
    worker.builder->Clear();
    // Who is woken while the lock is held would only wait again, for the lock.
    std::unique_lock lock(state_lock_);
    slot.chunk.emplace(chunk);
    // Behind the end nobody else will wake it.
    const bool is_time = ++compressed_ - written_ >= kBurst || ended_;
    lock.unlock();
    if (is_time) for_writer_.notify_one();
  }
}

Result<CompressedChunk> CapturePipeline::Compress(Worker& worker, int level, MutableBytes out) {
  TRY(worker.compressor->SetLevel(level));
  return worker.compressor->Compress(*worker.builder, out);
}

std::optional<CapturePipeline::TakenChunk> CapturePipeline::TakeChunk(Worker& worker) {
  const std::lock_guard fill(fill_lock_);
  {
    std::unique_lock lock(state_lock_);
    const auto has_slot = [this] { return filled_ < written_ + slots_.size(); };
    if (!has_slot()) {
      level_controller_.OnWriterIsLate();
      for_writer_.notify_one();
    }
    for_workers_.wait(lock, [&] { return ended_ || abandoned_ || has_slot(); });
    if (ended_ || abandoned_) return std::nullopt;
  }
  if (!stop_.load(std::memory_order_relaxed)) filler_.Fill(*worker.builder);
  const std::lock_guard lock(state_lock_);
  if (worker.builder->empty()) {
    ended_ = true;
    for_writer_.notify_one();
    return std::nullopt;
  }
  slots_[static_cast<size_t>(filled_ % slots_.size())].pass = filler_.pass();
  return TakenChunk{.number = filled_++, .level = level_controller_.NextLevel()};
}

CapturePipeline::Slot* CapturePipeline::Await(uint64_t number, const std::function<void()>& tick) {
  Slot& slot = slots_[static_cast<size_t>(number % slots_.size())];
  const auto settled = [&] { return slot.chunk.has_value() || (ended_ && number >= filled_); };
  std::unique_lock lock(state_lock_);
  if (!settled()) level_controller_.OnChunkIsLate();
  while (!for_writer_.wait_for(lock, std::chrono::milliseconds(options_.progress_milliseconds), settled)) {
    lock.unlock();
    tick();
    lock.lock();
  }
  return slot.chunk.has_value() ? &slot : nullptr;
}

void CapturePipeline::Release(Slot& slot, uint64_t number) {
  {
    const std::lock_guard lock(state_lock_);
    slot.chunk.reset();
    written_ = number + 1;
  }
  // At most one thread waits for a slot: the one with fill_lock_.
  for_workers_.notify_one();
}

void CapturePipeline::Abandon() {
  const std::lock_guard lock(state_lock_);
  abandoned_ = true;
  for_workers_.notify_all();
}

std::vector<std::string> CapturePipeline::TakeCensus(const ProgressCallback& progress) {
  Interval interval(options_.progress_milliseconds);
  return filler_.TakeCensus(stop_, [&](uint64_t done_pages) {
    if (!interval.IsOver()) return;
    progress({.done_bytes = done_pages * filler_.page_bytes(),
              .total_bytes = filler_.memory_pages() * filler_.page_bytes(),
              .written_bytes = 0});
  });
}

PipelineOutcome CapturePipeline::Run(DumpWriter& writer, const ProgressCallback& progress) {
  {
    const std::lock_guard lock(state_lock_);
    Require(!running_);
    running_ = true;
    for_workers_.notify_all();
  }
  const auto report = [&] {
    progress({.done_bytes = filler_.done_pages() * filler_.page_bytes(),
              .total_bytes = filler_.kept_pages() * filler_.page_bytes(),
              .written_bytes = writer.counters().stored_bytes});
  };
  Interval interval(options_.progress_milliseconds);
  const std::function<void()> tick = [&] {
    if (interval.IsOver()) report();
  };

  PipelineOutcome outcome = {.result = DumpResult::kComplete, .error = std::nullopt};
  size_t pass = 0;
  for (uint64_t number = 0; Slot* const slot = Await(number, tick); ++number) {
    pass = slot->pass;
    const Result<> appended = slot->chunk->ok() ? writer.AppendChunk(slot->chunk->value()) : slot->chunk->error();
    if (!appended.ok()) {
      const bool is_full = appended.error().code() == ErrorCode::kNoSpace && !writer.sink_failed();
      outcome.result = is_full ? DumpResult::kNoSpace : DumpResult::kWriteError;
      if (!is_full) outcome.error = appended.error();
      break;
    }
    Release(*slot, number);
    tick();
  }
  Abandon();
  JoinThreads();
  report();
  // A pass that was cut short is the one of the last chunk that was tried.
  outcome.complete_passes = pass;
  if (outcome.result == DumpResult::kComplete) {
    if (!filler_.finished()) {
      outcome.result = DumpResult::kStopped;
    } else {
      outcome.complete_passes = filler_.order().size();
      if (writer.counters().unreadable_pages != 0 || filler_.changed_sections() != 0) {
        outcome.result = DumpResult::kReadErrors;
      }
    }
  }
  return outcome;
}

}  // namespace crashdump
