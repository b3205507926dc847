// SPDX-License-Identifier: GPL-2.0-or-later
// PageFiller: goes through the memory of a vmcore, class by class in the order of their value and in each by page frame
// number, and fills chunks with what the dump level keeps.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capture/writer/capture_order.h"
#include "capture/writer/page_census.h"
#include "common/base/result.h"
#include "common/format/chunk.h"
#include "common/vmcore/page_class.h"
#include "common/vmcore/page_reader.h"

namespace crashdump {

// One thread at a time. Nothing is allocated after Create() but the text of doubts.
class PageFiller {
 public:
  // Everything borrowed must outlive the filler. kUnsupported if the format has no pages of the vmcore's size.
  static Result<PageFiller> Create(const Vmcore& vmcore, const PhysicalMemory& memory, PageClassifier& classifier,
                                   DumpLevel level);

  // Counts the pages of each class; before the first Fill(). Returns why the outcome cannot be true, one line each:
  // then level() is one that keeps every class.
  std::vector<std::string> TakeCensus(const std::atomic<bool>& stop, const std::function<void(uint64_t)>& progress);

  // Adds the next pages to `builder`, which is empty, until it is full, or enough pages have been gone through, or the
  // pass ends. A builder that is still empty afterwards means that there are no more pages. Zero pages become zero runs
  // if the level leaves them out, else data; unreadable ones are always named as such.
  void Fill(ChunkBuilder& builder);

  // Which pass the pages that were added last are of, an index into order().
  size_t pass() const { return pass_; }
  const std::vector<PageClassSet>& order() const { return order_; }

  const PageClassifier& classifier() const { return *classifier_; }
  uint32_t page_bytes() const { return page_bytes_; }
  uint64_t memory_pages() const { return memory_->total_pages(); }
  // Of all pages, before anyone looked whether they are zero; and those of them that the level keeps.
  const PageCounts& counts() const { return census_.totals(); }
  uint64_t kept_pages() const { return kept_pages_; }
  DumpLevel level() const { return level_; }
  // Whether TakeCensus() has come to the end.
  bool is_counted() const { return census_taken_; }
  // Whether Fill() has come to the end of everything. For when nobody fills.
  bool finished() const { return finished_; }
  // How many of the kept pages Fill() has gone through. Any thread may ask.
  uint64_t done_pages() const { return shared_->done_pages.load(std::memory_order_relaxed); }

  // The first page that could not be read, and why. For when nobody fills.
  struct ReadFailure {
    uint64_t pfn;
    Error error;
  };
  const std::optional<ReadFailure>& first_failure() const { return first_failure_; }
  // Sections whose pages had other classes when they were to be written than when they were counted: some of their
  // pages are missing. For when nobody fills.
  uint64_t changed_sections() const { return changed_sections_; }

 private:
  // Bounds a span, so that progress is seen.
  static constexpr uint64_t kSpanBytes = 2 * kMiB;
  // What one Fill() goes through at most: a machine can have terabytes of zero pages, which never fill a chunk.
  static constexpr uint64_t kFillBytes = 256 * kMiB;

  struct Shared {
    std::atomic<uint64_t> done_pages = 0;
  };

  PageFiller(const PhysicalMemory& memory, PageClassifier& classifier, DumpLevel level, PageReader reader,
             uint32_t page_bytes);

  bool HasPagesOfPass(const PageCensus::Section& section) const;
  // The next section that has pages of this pass; false if there is none.
  bool NextSection();
  // The next pages of this pass; false if there are none.
  bool NextSpan();
  // False if the builder is full; the rest of span_ stays.
  bool AddSpan(ChunkBuilder& builder);
  void Done(uint64_t pages) { shared_->done_pages.fetch_add(pages, std::memory_order_relaxed); }

  const PhysicalMemory* memory_;
  PageClassifier* classifier_;
  DumpLevel level_;
  PageReader reader_;
  uint32_t page_bytes_;
  std::vector<PageClassSet> order_;
  PageCensus census_;
  uint64_t kept_pages_ = 0;
  std::unique_ptr<Shared> shared_;  // so that the filler can be moved

  bool census_taken_ = false;
  bool finished_ = false;
  size_t pass_ = 0;
  size_t next_section_ = 0;             // of census_.sections(), in this pass
  std::span<const PageClass> classes_;  // of the pages from next_pfn_ on, to the end of the section
  uint64_t next_pfn_ = 0;
  PageSpan span_;  // what was read and not added yet

  std::optional<ReadFailure> first_failure_;
  uint64_t changed_sections_ = 0;
};

}  // namespace crashdump
