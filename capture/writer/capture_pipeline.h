// SPDX-License-Identifier: GPL-2.0-or-later
// CapturePipeline: the pages of a vmcore through N compressing threads into a DumpWriter, in order.
//
//   worker: lock, fill the next chunk, number it, unlock; compress; hand over     the thread that calls Run(): take the
//   worker: the same                                                              chunks by number, write, report
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "capture/writer/level_controller.h"
#include "capture/writer/page_filler.h"
#include "common/base/result.h"
#include "common/format/chunk.h"
#include "common/format/dump_format.h"
#include "common/format/dump_writer.h"
#include "common/options/capture_options.h"

namespace crashdump {

struct PipelineOptions {
  unsigned threads = 1;  // that compress; the calling thread writes
  CompressionLevels compression = kMinCompressionLevel;
  // How often progress is reported at most.
  uint64_t progress_milliseconds = 500;
};

struct CaptureProgress {
  uint64_t done_bytes = 0;   // of memory gone through
  uint64_t total_bytes = 0;  // of memory that is to be gone through
  uint64_t written_bytes = 0;
};
using ProgressCallback = std::function<void(const CaptureProgress&)>;

struct PipelineOutcome {
  // What DumpWriter::Finish() is to be told.
  DumpResult result{};
  // With kWriteError: why.
  std::optional<Error> error;
  // Of filler().order(): how many passes from the first on are in the dump as a whole.
  size_t complete_passes = 0;
};

class CapturePipeline {
 public:
  static constexpr unsigned kMaxThreads = kMostCaptureThreads;

  // What Create() allocates, and what its threads need of their stacks.
  static uint64_t MemoryBytes(const PipelineOptions& options);

  // Allocates and touches all memory and starts the threads, which wait. `stop` may be set at any time, from a signal
  // handler too, and must outlive the pipeline. If not all of the threads can be had, it makes do with fewer.
  static Result<std::unique_ptr<CapturePipeline>> Create(PageFiller filler, const PipelineOptions& options,
                                                         const std::atomic<bool>& stop);
  ~CapturePipeline();
  CapturePipeline(const CapturePipeline&) = delete;
  CapturePipeline& operator=(const CapturePipeline&) = delete;

  // Before Run(): counts the pages of each class (PageFiller::TakeCensus). Progress is told at most so often as in
  // Run().
  std::vector<std::string> TakeCensus(const ProgressCallback& progress);

  // Writes all chunks into `writer` and returns when the threads have ended; the caller calls Finish(). Once only.
  // `progress` is called from this thread.
  PipelineOutcome Run(DumpWriter& writer, const ProgressCallback& progress);

  unsigned threads() const { return static_cast<unsigned>(workers_.size()); }
  const PageFiller& filler() const { return filler_; }
  // Which levels of compression were used; for when no thread runs.
  const LevelController& level_controller() const { return level_controller_; }

 private:
  // What one thread needs for itself.
  struct Worker {
    CapturePipeline* pipeline = nullptr;
    AlignedMemory buffer;
    std::optional<ChunkBuilder> builder;
    std::optional<ChunkCompressor> compressor;
    pthread_t thread{};
    bool started = false;
  };
  // A place for a compressed chunk on its way to the writer. Chunk number n uses slot n modulo the number of slots.
  struct Slot {
    AlignedMemory out;
    std::optional<Result<CompressedChunk>> chunk;  // nothing: not compressed yet, or written
    size_t pass = 0;                               // that its pages are of
  };

  CapturePipeline(PageFiller filler, const PipelineOptions& options, const std::atomic<bool>& stop)
      : filler_(std::move(filler)), options_(options), stop_(stop), level_controller_(options.compression) {}

  Result<> Allocate();
  Result<> StartThreads();
  void JoinThreads();
  static void* ThreadMain(void* worker);
  void Work(Worker& worker);
  static Result<CompressedChunk> Compress(Worker& worker, int level, MutableBytes out);
  struct TakenChunk {
    uint64_t number;
    int level;  // of compression
  };
  // Fills the worker's builder; nothing if there is no more to do.
  std::optional<TakenChunk> TakeChunk(Worker& worker);
  // Waits for chunk `number`; null: there is none.
  Slot* Await(uint64_t number, const std::function<void()>& tick);
  void Release(Slot& slot, uint64_t number);
  void Abandon();

  PageFiller filler_;  // guarded by fill_lock_ while threads run
  PipelineOptions options_;
  const std::atomic<bool>& stop_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Slot> slots_;

  std::mutex fill_lock_;  // taken before state_lock_
  std::mutex state_lock_;
  std::condition_variable for_workers_;
  std::condition_variable for_writer_;
  // Guarded by state_lock_.
  LevelController level_controller_;
  bool running_ = false;
  bool abandoned_ = false;  // nobody wants further chunks
  bool ended_ = false;      // filled_ will not grow
  uint64_t filled_ = 0;     // chunks that have a number
  uint64_t compressed_ = 0;
  uint64_t written_ = 0;  // chunks whose slot is free again
};

}  // namespace crashdump
