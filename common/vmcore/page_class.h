// SPDX-License-Identifier: GPL-2.0-or-later
// What a page of the crashed kernel is, and which pages a dump level keeps.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump {

// From the kernel's own records of the page. Whether a page is all zero is not a class: it is seen when it is read.
enum class PageClass : uint8_t {
  kUnclassified,  // nothing is known: kept at every level
  kKernel,        // owned by the kernel: kept at every level
  kCacheClean,    // page cache that nobody has private data on
  kCachePrivate,  // page cache with private data (buffer heads of a filesystem)
  kUser,          // anonymous memory of processes, and huge pages
  kFree,          // in the page allocator
  kNeverRead,     // hardware-poisoned or offline: kept at no level, and reading it may stop the machine
};
inline constexpr std::array kAllPageClasses = {PageClass::kUnclassified, PageClass::kKernel, PageClass::kCacheClean,
                                               PageClass::kCachePrivate, PageClass::kUser,   PageClass::kFree,
                                               PageClass::kNeverRead};
inline constexpr size_t kPageClassCount = kAllPageClasses.size();

// "kernel", "cache_clean": as in a dump's summary.
const char* PageClassName(PageClass page_class);

// Pages by class; the index is the class.
using PageCounts = std::array<uint64_t, kPageClassCount>;
inline uint64_t CountOf(const PageCounts& counts, PageClass page_class) {
  return counts[static_cast<size_t>(page_class)];
}
inline uint64_t& CountOf(PageCounts& counts, PageClass page_class) { return counts[static_cast<size_t>(page_class)]; }
uint64_t SumOf(const PageCounts& counts);

// The bits of makedumpfile's -d option.
class DumpLevel {
 public:
  static constexpr uint32_t kZero = 1;
  static constexpr uint32_t kCacheClean = 2;
  static constexpr uint32_t kCacheAll = 4;
  static constexpr uint32_t kUser = 8;
  static constexpr uint32_t kFree = 16;
  static constexpr uint32_t kMaximum = 31;

  // kInvalidArgument above 31.
  static Result<DumpLevel> FromNumber(uint64_t number);

  uint32_t number() const { return bits_; }
  // Whether all-zero pages are left out of the data (a dump says which they were all the same).
  bool drops_zero_pages() const { return (bits_ & kZero) != 0; }
  bool Keeps(PageClass page_class) const;
  // The level that keeps every class, and treats zero pages as this one does.
  DumpLevel WithEveryClass() const { return DumpLevel(bits_ & kZero); }
  bool operator==(const DumpLevel&) const = default;

 private:
  explicit DumpLevel(uint32_t bits) : bits_(bits) {}

  uint32_t bits_;
};

// A block of pages that share their class (a compound page, free pages of one order) and of which the kernel records
// that in the first page only.
struct OpenBlock {
  enum class Kind : uint8_t { kNone, kFree, kCompound, kHugetlb };

  uint64_t end_pfn = 0;
  PageClass page_class = PageClass::kUnclassified;
  Kind kind = Kind::kNone;
};

// Tells the classes of pages. Implementations differ by how the kernel records them. For one thread.
class PageClassifier {
 public:
  virtual ~PageClassifier() = default;

  // Fills classes[i] for page frame pfns.begin + i; classes.size() equals pfns.size(). `open` is the block that began
  // before pfns.begin and did not end there, as the call for the pages before has left it; it is left as it is behind
  // pfns.end. So pages are gone through in ascending order, or from any place whose open block is known. Never fails:
  // where nothing can be known it says kUnclassified.
  virtual void Classify(Range pfns, OpenBlock& open, std::span<PageClass> classes) = 0;

  // What the kernel did not tell, and what that means for the dump; one line each, known from the beginning.
  virtual const std::vector<std::string>& notes() const = 0;
  // After all pages have been classified once: what stood in the way, one line each.
  virtual std::vector<std::string> Remarks() const { return {}; }
  // Then, with this outcome: why it cannot be true, one line each. If there is any doubt, every class is to be kept,
  // but for what must not be read.
  virtual std::vector<std::string> Doubts(const PageCounts& counted) const = 0;
};

// Knows nothing, so that every page is kept.
class KeepEveryPage final : public PageClassifier {
 public:
  KeepEveryPage() = default;
  // With a note that says why.
  explicit KeepEveryPage(std::string note) : notes_({std::move(note)}) {}

  void Classify(Range pfns, OpenBlock& open, std::span<PageClass> classes) override;
  const std::vector<std::string>& notes() const override { return notes_; }
  std::vector<std::string> Doubts(const PageCounts&) const override { return {}; }

 private:
  std::vector<std::string> notes_;
};

}  // namespace crashdump
