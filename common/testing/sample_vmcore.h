// SPDX-License-Identifier: GPL-2.0-or-later
// A small vmcore with everything that makes copying memory interesting: zero pages, pages that compress and that do
// not, two ranges with a gap, kernel text that is mapped twice, a log, and a last page that is there in part only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/testing/vmcore_builder.h"
#include "common/vmcore/vmcore.h"

namespace crashdump::testing {

struct SampleVmcore {
  std::vector<uint8_t> file;
  // What the machine's memory held, by page frame number; of the page that is there in part the rest is zeros.
  std::map<uint64_t, std::vector<uint8_t>> pages;
  uint64_t zero_pages = 0;
  std::string last_message;
  uint64_t crash_time = 0;

  Vmcore Open() const;
  // The byte of the file at which this page begins (in one of the PT_LOADs that hold it, the first of RAM).
  uint64_t FileOffset(uint64_t pfn) const;
};

inline constexpr uint64_t kSampleFirstPfn = 0x100;
inline constexpr uint64_t kSampleSecondPfn = 0x10000;

enum class SamplePages : uint8_t {
  kMixed,
  kNoise,  // no page is zero or can be compressed
};

// `page_count` pages from kSampleFirstPfn on, as many but at most 40 from kSampleSecondPfn on, and the log behind
// those. `crash` tells several crashes of one test apart: time, last message and pages follow from it.
SampleVmcore MakeSampleVmcore(uint32_t page_count, uint64_t crash = 0, SamplePages kind = SamplePages::kMixed);

}  // namespace crashdump::testing
