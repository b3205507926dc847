// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/fake_block_device.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>

#include "common/testing/random.h"

namespace crashdump {

void SparseImage::Read(uint64_t offset, MutableBytes out) const {
  while (!out.empty()) {
    const uint64_t inside = offset % kDiskUnit;
    const size_t part = static_cast<size_t>(std::min<uint64_t>(out.size(), kDiskUnit - inside));
    const auto block = blocks_.find(offset / kDiskUnit);
    if (block == blocks_.end()) {
      memset(out.data(), 0, part);
    } else {
      memcpy(out.data(), block->second.data() + inside, part);
    }
    out = out.subspan(part);
    offset += part;
  }
}

void SparseImage::Write(uint64_t offset, Bytes data) {
  while (!data.empty()) {
    const uint64_t inside = offset % kDiskUnit;
    const size_t part = static_cast<size_t>(std::min<uint64_t>(data.size(), kDiskUnit - inside));
    if (part == kDiskUnit && AllZero(data.first(part))) {
      blocks_.erase(offset / kDiskUnit);
    } else {
      // operator[] makes an absent block of zeros.
      memcpy(blocks_[offset / kDiskUnit].data() + inside, data.data(), part);
    }
    data = data.subspan(part);
    offset += part;
  }
}

uint64_t SparseImage::FirstDifference(const SparseImage& other, uint64_t size,
                                      const std::vector<Range>& ignored) const {
  static constexpr Block kZeros{};
  auto a = blocks_.begin();
  auto b = other.blocks_.begin();
  while (a != blocks_.end() || b != other.blocks_.end()) {
    const uint64_t index =
        std::min(a != blocks_.end() ? a->first : UINT64_MAX, b != other.blocks_.end() ? b->first : UINT64_MAX);
    const Block& left = a != blocks_.end() && a->first == index ? (a++)->second : kZeros;
    const Block& right = b != other.blocks_.end() && b->first == index ? (b++)->second : kZeros;
    if (left == right) continue;
    for (uint64_t i = 0; i < kDiskUnit; ++i) {
      const uint64_t place = index * kDiskUnit + i;
      const bool counts =
          std::none_of(ignored.begin(), ignored.end(), [place](const Range& range) { return range.Contains(place); });
      if (left.at(i) != right.at(i) && place < size && counts) return place;
    }
  }
  return size;
}

bool SparseImage::operator==(const SparseImage& other) const {
  return FirstDifference(other, UINT64_MAX, {}) == UINT64_MAX;
}

FakeBlockDevice::FakeBlockDevice(uint64_t size, uint32_t logical_block_size)
    : size_(size), logical_block_size_(logical_block_size) {
  Require(IsPowerOfTwo(logical_block_size) && logical_block_size >= 512 && logical_block_size <= kDiskUnit &&
          IsAligned(size, logical_block_size));
}

FakeBlockDevice::FakeBlockDevice(const FakeBlockDevice& other) : BlockDevice() {
  const std::lock_guard<std::mutex> guard(other.lock_);
  size_ = other.size_;
  logical_block_size_ = other.logical_block_size_;
  current_ = other.current_;
  durable_ = other.durable_;
  pending_ = other.pending_;
  log_ = other.log_;
  faults_ = other.faults_;
  bad_ranges_ = other.bad_ranges_;
  keep_data_ = other.keep_data_;
  flush_lies_ = other.flush_lies_;
  power_ = other.power_;
}

std::optional<FakeBlockDevice::Fault> FakeBlockDevice::TakeFault(Kind kind) const {
  std::optional<Fault> taken;
  for (size_t i = 0; i < faults_.size();) {
    PlannedFault& planned = faults_[i];
    if (planned.kind != kind) {
      ++i;
    } else if (planned.n == 0) {
      taken = planned.fault;
      faults_.erase(faults_.begin() + static_cast<ptrdiff_t>(i));
    } else {
      --planned.n;
      ++i;
    }
  }
  return taken;
}

Result<> FakeBlockDevice::ReadAt(uint64_t offset, MutableBytes out) const {
  const std::lock_guard<std::mutex> guard(lock_);
  const Range range{offset, offset + out.size()};
  log_.push_back({Kind::kRead, range, {}, true});
  if (offset > size_ || out.size() > size_ - offset) {
    return Error::Format(ErrorCode::kTruncated, "read of %zu bytes at %" PRIu64 ": the device ends at %" PRIu64,
                         out.size(), offset, size_);
  }
  const std::optional<Fault> fault = TakeFault(Kind::kRead);
  const bool is_bad =
      std::any_of(bad_ranges_.begin(), bad_ranges_.end(), [&range](const Range& bad) { return bad.Overlaps(range); });
  if (fault == Fault::kShort) {
    current_.Read(offset, out.first(static_cast<size_t>(AlignDown(out.size() / 2, logical_block_size_))));
  }
  if (fault || is_bad || (power_ != nullptr && !power_->on())) {
    return Error::Os(EIO, "read of %zu bytes at %" PRIu64, out.size(), offset);
  }
  current_.Read(offset, out);
  log_.back().failed = false;
  return {};
}

void FakeBlockDevice::Apply(uint64_t offset, Bytes data) {
  current_.Write(offset, data);
  pending_.push_back({{offset, offset + data.size()}, {}});
  pending_.back().image.Write(offset, data);
}

template <typename Survives>
void FakeBlockDevice::MakeDurable(const PendingWrite& write, uint64_t unit, Survives survives) {
  std::array<uint8_t, kDiskUnit> memory;
  for (uint64_t at = write.range.begin; at < write.range.end; at += unit) {
    if (!survives()) continue;
    const MutableBytes part = MutableBytes(memory).first(static_cast<size_t>(std::min(unit, write.range.end - at)));
    write.image.Read(at, part);
    durable_.Write(at, part);
  }
}

Result<> FakeBlockDevice::WriteAt(uint64_t offset, Bytes data) {
  const std::lock_guard<std::mutex> guard(lock_);
  log_.push_back({Kind::kWrite, {offset, offset + data.size()}, {}, true});
  if (keep_data_) log_.back().data.assign(data.begin(), data.end());
  if (!IsAligned(offset, logical_block_size_) || !IsAligned(data.size(), logical_block_size_) || offset > size_ ||
      data.size() > size_ - offset) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "write of %zu bytes at %" PRIu64
                         ": not whole blocks of %u bytes before the device's end at %" PRIu64,
                         data.size(), offset, logical_block_size_, size_);
  }
  const PowerSwitch::Step step = power_ != nullptr ? power_->Pass() : PowerSwitch::Step::kRuns;
  const bool reaches = step == PowerSwitch::Step::kRuns || step == PowerSwitch::Step::kCutAfter;
  const std::optional<Fault> fault = reaches ? TakeFault(Kind::kWrite) : std::nullopt;
  if (fault == Fault::kShort) {
    Apply(offset, data.first(static_cast<size_t>(AlignDown(data.size() / 2, logical_block_size_))));
  } else if (reaches && !fault) {
    Apply(offset, data);
  }
  if (step != PowerSwitch::Step::kRuns || fault) {
    return Error::Os(EIO, "write of %zu bytes at %" PRIu64, data.size(), offset);
  }
  log_.back().failed = false;
  return {};
}

Result<> FakeBlockDevice::Flush() {
  const std::lock_guard<std::mutex> guard(lock_);
  log_.push_back({Kind::kFlush, {}, {}, true});
  const PowerSwitch::Step step = power_ != nullptr ? power_->Pass() : PowerSwitch::Step::kRuns;
  const bool reaches = step == PowerSwitch::Step::kRuns || step == PowerSwitch::Step::kCutAfter;
  const std::optional<Fault> fault = reaches ? TakeFault(Kind::kFlush) : std::nullopt;
  if (reaches && !fault && !flush_lies_) {
    for (const PendingWrite& write : pending_) MakeDurable(write, kDiskUnit, [] { return true; });
    pending_.clear();
  }
  if (step != PowerSwitch::Step::kRuns || fault) return Error::Os(EIO, "flush");
  log_.back().failed = false;
  return {};
}

std::vector<FakeBlockDevice::Operation> FakeBlockDevice::Log() const {
  const std::lock_guard<std::mutex> guard(lock_);
  return log_;
}

uint64_t FakeBlockDevice::CountOf(Kind kind) const {
  const std::lock_guard<std::mutex> guard(lock_);
  return static_cast<uint64_t>(
      std::count_if(log_.begin(), log_.end(), [kind](const Operation& operation) { return operation.kind == kind; }));
}

void FakeBlockDevice::ClearLog() {
  const std::lock_guard<std::mutex> guard(lock_);
  log_.clear();
}

void FakeBlockDevice::FailAt(Kind kind, uint64_t n, Fault fault) {
  const std::lock_guard<std::mutex> guard(lock_);
  faults_.push_back({kind, n, fault});
}

void FakeBlockDevice::ClearFaults() {
  const std::lock_guard<std::mutex> guard(lock_);
  faults_.clear();
  bad_ranges_.clear();
}

void FakeBlockDevice::LoseCache(Survivors survivors, uint64_t choice) {
  const std::lock_guard<std::mutex> guard(lock_);
  Random random(choice);
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (survivors == Survivors::kRandom) {
      MakeDurable(pending_[i], logical_block_size_, [&random] { return (random.Next() & 1) != 0; });
    } else if (survivors == Survivors::kAll || (survivors == Survivors::kPrefix && i < choice)) {
      MakeDurable(pending_[i], kDiskUnit, [] { return true; });
    }
  }
  pending_.clear();
  current_ = durable_;
}

FakeBlockDevice FakeBlockDevice::AfterPowerCut(Survivors survivors, uint64_t choice) const {
  FakeBlockDevice after(*this);
  after.LoseCache(survivors, choice);
  after.log_.clear();
  after.ClearFaults();
  after.flush_lies_ = false;
  after.power_ = nullptr;
  return after;
}

void FakeBlockDevice::Poke(uint64_t offset, Bytes data) {
  const std::lock_guard<std::mutex> guard(lock_);
  Require(offset <= size_ && data.size() <= size_ - offset);
  current_.Write(offset, data);
  durable_.Write(offset, data);
}

std::vector<uint8_t> FakeBlockDevice::Peek(uint64_t offset, uint64_t count) const {
  const std::lock_guard<std::mutex> guard(lock_);
  std::vector<uint8_t> bytes(static_cast<size_t>(count));
  current_.Read(offset, bytes);
  return bytes;
}

SparseImage FakeBlockDevice::Snapshot() const {
  const std::lock_guard<std::mutex> guard(lock_);
  return current_;
}

void FakeBlockDevice::FillRandom(Range range, uint64_t seed) {
  Random random(seed);
  std::array<uint8_t, kDiskUnit> block;
  for (uint64_t offset = range.begin; offset < range.end; offset += block.size()) {
    for (uint8_t& byte : block) byte = static_cast<uint8_t>(random.Next());
    Poke(offset, Bytes(block).first(static_cast<size_t>(std::min<uint64_t>(block.size(), range.end - offset))));
  }
}

}  // namespace crashdump
