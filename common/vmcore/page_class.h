// SPDX-License-Identifier: GPL-2.0-or-later
// What a page of the crashed kernel is, and which pages a dump level keeps.
#pragma once

#include <cstdint>
#include <span>

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
inline constexpr uint32_t kPageClassCount = 7;

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
  bool operator==(const DumpLevel&) const = default;

 private:
  explicit DumpLevel(uint32_t bits) : bits_(bits) {}

  uint32_t bits_;
};

// Tells the classes of pages. Implementations differ by how the kernel records them.
class PageClassifier {
 public:
  virtual ~PageClassifier() = default;

  // Fills classes[i] for page frame pfns.begin + i; classes.size() equals pfns.size(). Page frames that the machine
  // does not have get any class. Never fails: where nothing can be known it says kUnclassified. For one thread.
  virtual void Classify(Range pfns, std::span<PageClass> classes) = 0;
};

// Knows nothing, so that every page is kept.
class KeepEveryPage final : public PageClassifier {
 public:
  void Classify(Range pfns, std::span<PageClass> classes) override;
};

}  // namespace crashdump
