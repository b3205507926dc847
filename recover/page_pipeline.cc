// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/page_pipeline.h"

#include <pthread.h>

#include <algorithm>
#include <cinttypes>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace crashdump {
namespace {

// As many data pages as two chunks hold, so that the pages of a dump with one pass are read once.
constexpr uint64_t kBatchDataBytes = 2 * kChunkDataBytes;
// Zero pages included.
constexpr uint32_t kBatchPages = 4096;

// zlib and zstd need under 20 KiB of stack for a page.
constexpr size_t kStackBytes = 256 * kKiB;

// Pages of one chunk, or zero pages (only their number counts), and which page of the batch the first of them is.
struct BatchPiece {
  DumpImage::Piece piece;
  uint32_t index = 0;
};

// Cuts the pages into batches.
class BatchCutter {
 public:
  explicit BatchCutter(const DumpImage& image)
      : pieces_(image.pieces()), data_pages_at_most_(static_cast<uint32_t>(kBatchDataBytes / image.page_bytes())) {}

  // The next batch's pieces and the rank of its first page; no pieces: there are no more.
  uint64_t Take(std::vector<BatchPiece>& batch) {
    const uint64_t first_rank = rank_;
    batch.clear();
    uint32_t pages = 0;
    uint32_t data_pages = 0;
    uint32_t chunk = DumpImage::kZeroPages;
    for (; next_ < pieces_.size() && pages < kBatchPages; ++next_) {
      DumpImage::Piece piece = pieces_[next_];
      if (piece.chunk == DumpImage::kZeroPages) {
        piece.page_count = std::min(piece.page_count - taken_, kBatchPages - pages);
      } else {
        if (data_pages + piece.page_count > data_pages_at_most_) break;
        // Half full, where another chunk begins: that one then fits as a whole, and need be read for one batch only.
        if (piece.chunk != chunk && data_pages >= data_pages_at_most_ / 2) break;
        chunk = piece.chunk;
        data_pages += piece.page_count;
      }
      batch.push_back({.piece = piece, .index = pages});
      pages += piece.page_count;
      rank_ += piece.page_count;
      taken_ += piece.page_count;
      if (taken_ < pieces_[next_].page_count) break;
      taken_ = 0;
    }
    return first_rank;
  }

 private:
  const std::vector<DumpImage::Piece>& pieces_;
  uint32_t data_pages_at_most_;
  size_t next_ = 0;
  uint32_t taken_ = 0;  // pages of pieces_[next_] that are in earlier batches
  uint64_t rank_ = 0;
};

class PagePipeline {
 public:
  PagePipeline(const DumpImage& image, const EncodeOptions& options)
      : image_(image), options_(options), cutter_(image) {}
  ~PagePipeline() {
    Abandon();
    for (auto& worker : workers_) {
      if (worker->started) (void)pthread_join(worker->thread, nullptr);
    }
  }
  PagePipeline(const PagePipeline&) = delete;
  PagePipeline& operator=(const PagePipeline&) = delete;

  Result<> Start();
  Result<> Run(const BatchWriter& write, const ExportProgress& progress);

 private:
  struct Worker {
    PagePipeline* pipeline = nullptr;
    std::optional<ChunkReader> chunks;
    std::optional<PageEncoder> encoder;
    std::vector<BatchPiece> pieces;
    std::vector<uint8_t> pages;          // of the batch, as they are
    std::vector<const uint8_t*> places;  // of each page of the batch in `pages`; null for a zero page
    pthread_t thread{};
    bool started = false;
  };
  // A batch on its way to the writer. Batch n uses slot n modulo the number of slots.
  struct Slot {
    std::optional<Result<>> outcome;  // nothing: not encoded yet, or written
    uint64_t first_rank = 0;
    std::vector<StoredPage> pages;
    std::vector<uint8_t> data;
    size_t data_bytes = 0;
  };

  static void* ThreadMain(void* worker) {
    auto* const self = static_cast<Worker*>(worker);
    self->pipeline->Work(*self);
    return nullptr;
  }
  void Work(Worker& worker);
  // The number of the batch whose pieces the worker has then; nothing if there is no more to do.
  std::optional<uint64_t> TakeBatch(Worker& worker);
  Result<> ReadBatch(Worker& worker);
  Result<> EncodeBatch(Worker& worker, Slot& slot);
  Slot* Await(uint64_t number);
  void Release(Slot& slot);
  void Abandon();

  const DumpImage& image_;
  EncodeOptions options_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Slot> slots_;

  std::mutex lock_;  // guards everything below, and the slots' outcomes
  std::condition_variable for_workers_;
  std::condition_variable for_writer_;
  BatchCutter cutter_;
  bool ended_ = false;  // no further batch will be taken
  uint64_t taken_ = 0;
  uint64_t written_ = 0;
};

Result<> PagePipeline::Start() {
  const uint32_t page_bytes = image_.page_bytes();
  // With one slot more than threads every thread can encode while one batch is being written.
  slots_.resize(options_.threads + 1);
  for (Slot& slot : slots_) slot.data.resize(kBatchDataBytes + PageEncoder::OutputBytes(page_bytes));
  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes); error != 0) return Error::Os(error, "thread attributes");
  (void)pthread_attr_setstacksize(&attributes, kStackBytes);
  int error = 0;
  for (unsigned i = 0; i < options_.threads && error == 0; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->pipeline = this;
    worker->chunks = TRY(ChunkReader::Create(image_.reader()));
    worker->encoder = TRY(PageEncoder::Create(options_.compression, page_bytes));
    worker->pages.resize(kBatchDataBytes);
    error = pthread_create(&worker->thread, &attributes, ThreadMain, worker.get());
    worker->started = error == 0;
    if (worker->started) workers_.push_back(std::move(worker));
  }
  (void)pthread_attr_destroy(&attributes);
  if (workers_.empty()) return Error::Os(error, "start of a thread");
  return {};
}

void PagePipeline::Work(Worker& worker) {
  while (const std::optional<uint64_t> number = TakeBatch(worker)) {
    Slot& slot = slots_[static_cast<size_t>(*number % slots_.size())];
    Result<> outcome = ReadBatch(worker);
    if (outcome.ok()) outcome = EncodeBatch(worker, slot);
    const std::lock_guard lock(lock_);
    slot.outcome = outcome;
    if (written_ == *number) for_writer_.notify_one();
  }
}

std::optional<uint64_t> PagePipeline::TakeBatch(Worker& worker) {
  std::unique_lock lock(lock_);
  for_workers_.wait(lock, [this] { return ended_ || taken_ < written_ + slots_.size(); });
  if (ended_) return std::nullopt;
  const uint64_t first_rank = cutter_.Take(worker.pieces);
  if (worker.pieces.empty()) {
    ended_ = true;
    for_workers_.notify_all();
    for_writer_.notify_one();
    return std::nullopt;
  }
  slots_[static_cast<size_t>(taken_ % slots_.size())].first_rank = first_rank;
  return taken_++;
}

// Chunk by chunk: of several passes, pages of several chunks alternate.
Result<> PagePipeline::ReadBatch(Worker& worker) {
  const BatchPiece& last = worker.pieces.back();
  worker.places.assign(last.index + last.piece.page_count, nullptr);
  std::sort(worker.pieces.begin(), worker.pieces.end(),
            [](const BatchPiece& a, const BatchPiece& b) { return a.piece.chunk < b.piece.chunk; });
  const uint32_t page_bytes = image_.page_bytes();
  uint8_t* place = worker.pages.data();
  uint32_t chunk = DumpImage::kZeroPages;
  std::span<const ChunkRun> runs;
  for (const auto& [piece, index] : worker.pieces) {
    if (piece.chunk == DumpImage::kZeroPages) break;  // the largest number
    if (piece.chunk != chunk) {
      runs = TRY(worker.chunks->Read(image_.ChunkOffset(piece.chunk)), "the dump changes while it is read");
      chunk = piece.chunk;
    }
    const auto run = std::find_if(runs.begin(), runs.end(),
                                  [first = piece.first_pfn](const ChunkRun& it) { return it.first_pfn == first; });
    if (run == runs.end() || run->page_count != piece.page_count || run->kind != PageKind::kData) {
      return Error::Format(ErrorCode::kCorrupt, "the dump changes while it is read: page frame %#" PRIx64 " is gone",
                           piece.first_pfn);
    }
    memcpy(place, run->data.data(), run->data.size());
    for (uint32_t page = 0; page < piece.page_count; ++page, place += page_bytes) worker.places[index + page] = place;
  }
  return {};
}

Result<> PagePipeline::EncodeBatch(Worker& worker, Slot& slot) {
  const uint32_t page_bytes = image_.page_bytes();
  slot.pages.clear();
  slot.data_bytes = 0;
  for (const uint8_t* const place : worker.places) {
    StoredPage stored;
    if (place != nullptr) {
      const MutableBytes out = MutableBytes(slot.data).subspan(slot.data_bytes);
      stored = TRY(worker.encoder->Encode({place, page_bytes}, out));
    }
    slot.pages.push_back(stored);
    slot.data_bytes += stored.bytes;
  }
  return {};
}

PagePipeline::Slot* PagePipeline::Await(uint64_t number) {
  Slot& slot = slots_[static_cast<size_t>(number % slots_.size())];
  std::unique_lock lock(lock_);
  for_writer_.wait(lock, [&] { return slot.outcome.has_value() || (ended_ && number >= taken_); });
  return slot.outcome ? &slot : nullptr;
}

void PagePipeline::Release(Slot& slot) {
  const std::lock_guard lock(lock_);
  slot.outcome.reset();
  ++written_;
  for_workers_.notify_one();
}

void PagePipeline::Abandon() {
  const std::lock_guard lock(lock_);
  ended_ = true;
  for_workers_.notify_all();
}

Result<> PagePipeline::Run(const BatchWriter& write, const ExportProgress& progress) {
  for (uint64_t number = 0; Slot* const slot = Await(number); ++number) {
    TRY(*slot->outcome);
    TRY(write(
        {.first_rank = slot->first_rank, .pages = slot->pages, .data = Bytes(slot->data).first(slot->data_bytes)}));
    if (progress) progress(slot->first_rank + slot->pages.size());
    Release(*slot);
  }
  return {};
}

}  // namespace

Result<> WritePages(const DumpImage& image, const EncodeOptions& options, const BatchWriter& write,
                    const ExportProgress& progress) {
  Require(options.threads >= 1 && options.threads <= kMaxEncodeThreads);
  PagePipeline pipeline(image, options);
  TRY(pipeline.Start());
  return pipeline.Run(write, progress);
}

}  // namespace crashdump
