// SPDX-License-Identifier: GPL-2.0-or-later
// PfnSet: which page frames a reader has seen, so that a page that comes twice is noticed.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "common/base/result.h"

namespace crashdump {

// A bitmap of 4 KiB per 32768 page frames where only some of them are in the set (128 MiB of memory with pages of
// 4 KiB, so 2 MiB for 64 GiB), and one interval per stretch of such blocks that are in it as a whole.
class PfnSet {
 public:
  // More memory than `limit_bytes` (about; the default serves 32 TiB of memory) is refused, so that a hostile file
  // cannot take everything.
  explicit PfnSet(uint64_t limit_bytes = uint64_t{1} << 30) : limit_bytes_(limit_bytes) {}

  // Adds [first_pfn, first_pfn + page_count), which must not overflow. kCorrupt if one of them is in the set already,
  // kUnsupported at the limit; what the set holds is undefined after either.
  Result<> Add(uint64_t first_pfn, uint64_t page_count);

 private:
  static constexpr uint64_t kBlockPages = 32768;
  struct Block {
    std::array<uint64_t, kBlockPages / 64> bits{};
    uint64_t count = 0;
  };

  Result<> AddInBlock(uint64_t block, uint64_t begin, uint64_t end);
  Result<> AddWholeBlocks(uint64_t begin, uint64_t end);
  bool IsWhole(uint64_t begin, uint64_t end) const;
  Result<> Account(uint64_t bytes);

  std::map<uint64_t, std::unique_ptr<Block>> partial_;  // by block number
  std::map<uint64_t, uint64_t> whole_;                  // begin -> end of blocks, disjoint, not adjacent
  uint64_t limit_bytes_;
  uint64_t used_bytes_ = 0;
};

}  // namespace crashdump
