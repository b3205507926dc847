// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/pfn_set.h"

#include <algorithm>
#include <bit>
#include <cinttypes>

namespace crashdump {
namespace {

// A node of std::map with its pair, about.
constexpr uint64_t kNodeBytes = 64;

Error Twice(uint64_t pfn) { return Error::Format(ErrorCode::kCorrupt, "page frame %#" PRIx64 " comes twice", pfn); }

// The bits [begin, end) of a word.
uint64_t Mask(uint64_t begin, uint64_t end) {
  const uint64_t below_end = end == 64 ? ~uint64_t{0} : (uint64_t{1} << end) - 1;
  return below_end & ~((uint64_t{1} << begin) - 1);
}

}  // namespace

Result<> PfnSet::Account(uint64_t bytes) {
  used_bytes_ += bytes;
  if (used_bytes_ > limit_bytes_) {
    return Error::Format(ErrorCode::kUnsupported, "its pages are too scattered to keep track of in %" PRIu64 " bytes",
                         limit_bytes_);
  }
  return {};
}

// Whether any of the blocks [begin, end) is in the set as a whole.
bool PfnSet::IsWhole(uint64_t begin, uint64_t end) const {
  const auto after = whole_.lower_bound(end);  // begins at or behind end
  return after != whole_.begin() && std::prev(after)->second > begin;
}

Result<> PfnSet::AddWholeBlocks(uint64_t begin, uint64_t end) {
  const auto overlapping = partial_.lower_bound(begin);
  if (IsWhole(begin, end) || (overlapping != partial_.end() && overlapping->first < end))
    return Twice(begin * kBlockPages);
  const auto next = whole_.find(end);
  if (next != whole_.end()) {
    end = next->second;
    whole_.erase(next);
    used_bytes_ -= kNodeBytes;
  }
  const auto after = whole_.lower_bound(begin);
  if (after != whole_.begin() && std::prev(after)->second == begin) {
    std::prev(after)->second = end;
    return {};
  }
  TRY(Account(kNodeBytes));
  whole_.emplace(begin, end);
  return {};
}

Result<> PfnSet::AddInBlock(uint64_t block, uint64_t begin, uint64_t end) {
  if (IsWhole(block, block + 1)) return Twice(block * kBlockPages + begin);
  auto found = partial_.find(block);
  if (found == partial_.end()) {
    TRY(Account(kNodeBytes + sizeof(Block)));
    found = partial_.emplace(block, std::make_unique<Block>()).first;
  }
  Block& bits = *found->second;
  for (uint64_t bit = begin; bit < end;) {
    const uint64_t word_end = std::min(end, (bit / 64 + 1) * 64);
    const uint64_t mask = Mask(bit % 64, word_end - bit / 64 * 64);
    uint64_t& word = bits.bits.at(static_cast<size_t>(bit / 64));
    if (const uint64_t twice = word & mask; twice != 0) {
      return Twice(block * kBlockPages + bit / 64 * 64 + static_cast<uint64_t>(std::countr_zero(twice)));
    }
    word |= mask;
    bit = word_end;
  }
  bits.count += end - begin;
  if (bits.count < kBlockPages) return {};
  partial_.erase(found);
  used_bytes_ -= kNodeBytes + sizeof(Block);
  return AddWholeBlocks(block, block + 1);
}

Result<> PfnSet::Add(uint64_t first_pfn, uint64_t page_count) {
  uint64_t pfn = first_pfn;
  const uint64_t end = first_pfn + page_count;
  while (pfn < end) {
    const uint64_t block = pfn / kBlockPages;
    const uint64_t whole_end = end / kBlockPages;
    if (pfn % kBlockPages == 0 && whole_end > block) {
      TRY(AddWholeBlocks(block, whole_end));
      pfn = whole_end * kBlockPages;
      continue;
    }
    const uint64_t part_end = std::min(end, (block + 1) * kBlockPages);
    TRY(AddInBlock(block, pfn % kBlockPages, part_end - block * kBlockPages));
    pfn = part_end;
  }
  return {};
}

}  // namespace crashdump
