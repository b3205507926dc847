// SPDX-License-Identifier: GPL-2.0-or-later
// PageFiller: goes through the memory of a vmcore in the order of page frame numbers and fills chunks with what the
// dump level keeps.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>

#include "common/base/result.h"
#include "common/format/chunk.h"
#include "common/vmcore/page_class.h"
#include "common/vmcore/page_reader.h"

namespace crashdump {

// Pages by class, before anyone looked whether they are zero.
struct PageTally {
  std::array<uint64_t, kPageClassCount> kept{};
  std::array<uint64_t, kPageClassCount> left_out{};
};

// One thread at a time. Nothing is allocated after Create().
class PageFiller {
 public:
  // Everything borrowed must outlive the filler. kUnsupported if the format has no pages of the vmcore's size.
  static Result<PageFiller> Create(const Vmcore& vmcore, const PhysicalMemory& memory, PageClassifier& classifier,
                                   DumpLevel level);

  // Adds the next pages to `builder`, which is empty, until it is full or enough pages have been gone through. A
  // builder that is still empty afterwards means that there are no more pages. Zero pages become zero runs if the level
  // leaves them out, else data; unreadable ones are always named as such.
  void Fill(ChunkBuilder& builder);

  uint32_t page_bytes() const { return page_bytes_; }
  uint64_t total_pages() const { return memory_->total_pages(); }
  // How many pages Fill() has gone through. Any thread may ask.
  uint64_t done_pages() const { return shared_->done_pages.load(std::memory_order_relaxed); }

  // For when nobody fills.
  const PageTally& tally() const { return tally_; }
  // The first page that could not be read, and why.
  struct ReadFailure {
    uint64_t pfn;
    Error error;
  };
  const std::optional<ReadFailure>& first_failure() const { return first_failure_; }

 private:
  // Pages that are classified at once. Also bounds a span, so that progress is seen.
  static constexpr uint64_t kWindowPages = 512;
  // What one Fill() goes through at most: a machine can have terabytes of zero pages, which never fill a chunk.
  static constexpr uint64_t kFillPages = 65536;

  struct Shared {
    std::atomic<uint64_t> done_pages = 0;
  };

  PageFiller(const PhysicalMemory& memory, PageClassifier& classifier, DumpLevel level, PageReader reader,
             uint32_t page_bytes)
      : memory_(&memory),
        classifier_(&classifier),
        level_(level),
        reader_(std::move(reader)),
        page_bytes_(page_bytes),
        shared_(std::make_unique<Shared>()) {}

  bool NextSpan();
  bool NextWindow();
  // False if the builder is full; the rest of span_ stays.
  bool AddSpan(ChunkBuilder& builder);
  void Done(uint64_t pages) { shared_->done_pages.fetch_add(pages, std::memory_order_relaxed); }

  const PhysicalMemory* memory_;
  PageClassifier* classifier_;
  DumpLevel level_;
  PageReader reader_;
  uint32_t page_bytes_;
  std::unique_ptr<Shared> shared_;  // so that the filler can be moved

  size_t range_ = 0;  // the range of memory_ that window_ is in
  Range window_;      // what is classified and not gone through yet
  std::array<PageClass, kWindowPages> classes_{};
  size_t class_ = 0;  // of the page window_.begin, in classes_
  PageSpan span_;     // what was read and not added yet

  PageTally tally_;
  std::optional<ReadFailure> first_failure_;
};

}  // namespace crashdump
