// SPDX-License-Identifier: GPL-2.0-or-later
// PageReader: the pages of a vmcore as spans of memory, with as few system calls as can be.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/vmcore/physical_memory.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

// Consecutive pages that share one fate.
struct PageSpan {
  enum class State : uint8_t {
    kData,        // data holds the pages
    kUnreadable,  // the vmcore should hold them, but reading failed; data is empty
    kAbsent,      // the vmcore does not hold them; data is empty
  };
  Range pfns;
  State state = State::kAbsent;
  Bytes data;  // pfns.size() pages; valid until the next call to Read
};

struct PageReaderOptions {
  uint64_t map_bytes = 4 * kMiB;     // of /proc/vmcore mapped at once: page tables only, no memory of our own
  uint64_t read_bytes = 256 * kKiB;  // the buffer for what is read
  // Maps this descriptor of the same vmcore; if unset, Vmcore::mappable_fd().
  std::optional<int> map_fd = std::nullopt;
};

// For one thread; several readers of one vmcore may work at once.
class PageReader {
 public:
  // `vmcore` and `memory` must outlive the reader. Allocates and touches its buffer of options.read_bytes; nothing is
  // allocated later. kInvalidArgument if a window is smaller than a page.
  static Result<PageReader> Create(const Vmcore& vmcore, const PhysicalMemory& memory, PageReaderOptions options = {});

  // A span that begins at pfns.begin and ends at or before pfns.end, as long as one window allows; pfns must not be
  // empty. To go through a range, call it again from the span's end. A failed read is tried again page by page, so
  // that a bad page does not take its neighbours with it; it never ends the program and never the iteration.
  // Reading backwards or in leaps is allowed, but each leap out of the window costs a system call.
  PageSpan Read(Range pfns);

  // Why the last unreadable page was unreadable.
  const std::optional<Error>& last_error() const { return last_error_; }
  // How many windows were mapped; those that could not be were read.
  uint64_t mapped_windows() const { return mapped_windows_; }

 private:
  // Owns one mapped window.
  class Mapping {
   public:
    Mapping() = default;
    Mapping(void* memory, size_t bytes) : memory_(memory), bytes_(bytes) {}
    Mapping(Mapping&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_) {}
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();
    const uint8_t* data() const { return static_cast<const uint8_t*>(memory_); }

   private:
    void* memory_ = nullptr;
    size_t bytes_ = 0;
  };

  PageReader(const Vmcore& vmcore, const PhysicalMemory& memory, const PageReaderOptions& options);
  // Each makes the window begin at the first pfn asked for.
  bool MapWindow(const PageExtent& extent, uint64_t pfn);
  void ReadWindow(const PageExtent& extent, Range pfns);
  void ReadPieces(uint64_t pfn);
  PageSpan FromWindow(Range pfns) const;
  // Whether it could be read; keeps the error.
  bool ReadFile(uint64_t offset, MutableBytes out);

  const Vmcore* vmcore_;
  const PhysicalMemory* memory_;
  std::optional<int> map_fd_;
  uint64_t map_alignment_;
  uint64_t map_pages_;
  uint64_t buffer_pages_;
  std::vector<uint8_t> buffer_;
  std::vector<bool> unreadable_;  // of the pages in buffer_
  Mapping mapping_;
  Range window_;                          // the pfns that can be handed out without a system call
  const uint8_t* window_data_ = nullptr;  // in mapping_ or buffer_
  uint64_t mapped_windows_ = 0;
  std::optional<Error> last_error_;
};

}  // namespace crashdump
