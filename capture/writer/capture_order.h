// SPDX-License-Identifier: GPL-2.0-or-later
// CaptureOrder: which classes of pages are written, and in which order. When the space runs out, the order alone
// decides what is lost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/vmcore/page_class.h"

namespace crashdump {

// Classes of pages, as a set.
class PageClassSet {
 public:
  constexpr void Add(PageClass page_class) { bits_ |= Bit(page_class); }
  constexpr bool Contains(PageClass page_class) const { return (bits_ & Bit(page_class)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  // "kernel,unclassified"
  std::string ToString() const;

 private:
  static constexpr uint32_t Bit(PageClass page_class) { return uint32_t{1} << static_cast<uint32_t>(page_class); }
  uint32_t bits_ = 0;
};

// One set for each pass over memory, what matters most first: what the kernel owns (and what may be the kernel's); then
// what a lower level adds: processes' memory, page cache with a file system's private data, other page cache, free
// pages. Only classes that the level keeps; no set is empty.
std::vector<PageClassSet> CaptureOrder(DumpLevel level);

}  // namespace crashdump
