// SPDX-License-Identifier: GPL-2.0-or-later
// FakeBlockDevice: a sparse disk in memory with a volatile write cache. It logs every operation, fails those it is told
// to, and gives the disks that a power cut could leave behind.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "common/storage/block_device.h"
#include "common/testing/power_switch.h"

namespace crashdump {

// Blocks of kDiskUnit by index; absent ones are zeros.
class SparseImage {
 public:
  void Read(uint64_t offset, MutableBytes out) const;
  void Write(uint64_t offset, Bytes data);
  // Equal contents, whether zeros are stored or absent.
  bool operator==(const SparseImage& other) const;
  // The first byte at which they differ, outside of `ignored` ranges; `size` if none.
  uint64_t FirstDifference(const SparseImage& other, uint64_t size, const std::vector<Range>& ignored) const;

 private:
  using Block = std::array<uint8_t, kDiskUnit>;
  std::map<uint64_t, Block> blocks_;
};

class FakeBlockDevice final : public BlockDevice {
 public:
  enum class Kind : uint8_t { kRead, kWrite, kFlush };

  struct Operation {
    Kind kind;
    Range range;                // of the device, empty for a flush
    std::vector<uint8_t> data;  // what was written, unless logging of data is off
    bool failed = false;
  };

  // What an operation that fails does.
  enum class Fault : uint8_t {
    kError,  // nothing, and reports EIO
    kShort,  // a read or write does its first half (whole logical blocks), then reports EIO; a flush as kError
  };

  // Which writes since the last flush survive a power cut. Flushed ones always do.
  enum class Survivors : uint8_t {
    kNone,
    kAll,
    kPrefix,  // the first `choice` of them
    kRandom,  // every logical block of every write on its own, decided by `choice` as a seed
  };

  explicit FakeBlockDevice(uint64_t size, uint32_t logical_block_size = 512);

  Result<> ReadAt(uint64_t offset, MutableBytes out) const override;
  Result<> WriteAt(uint64_t offset, Bytes data) override;
  Result<> Flush() override;
  uint64_t size() const override { return size_; }
  uint32_t logical_block_size() const override { return logical_block_size_; }

  // Everything since the making or the last ClearLog(), in order; failed operations too.
  std::vector<Operation> Log() const;
  uint64_t CountOf(Kind kind) const;
  void ClearLog();
  // Writes log their range only: for long runs.
  void KeepDataInLog(bool keep) { keep_data_ = keep; }

  // The n-th operation of this kind from now on fails; n counts from 0. Several may be set.
  void FailAt(Kind kind, uint64_t n, Fault fault);
  // Reads that touch this range fail with EIO, from now on.
  void FailReadsIn(Range range) { bad_ranges_.push_back(range); }
  // Forgets what the two above have planned.
  void ClearFaults();
  // Flush reports success and does nothing, as some disks do.
  void LieAboutFlush() { flush_lies_ = true; }
  // Writes and flushes pass `power`, which must outlive the device; nullptr for none.
  void ConnectTo(PowerSwitch* power) { power_ = power; }

  // The disk after a power cut now: the same size, no faults, an empty log, no power switch.
  FakeBlockDevice AfterPowerCut(Survivors survivors, uint64_t choice = 0) const;
  // Loses the cache in place, as AfterPowerCut does, for a device that others hold references to.
  void LoseCache(Survivors survivors, uint64_t choice = 0);
  uint64_t unflushed_writes() const { return pending_.size(); }

  // Changes or reads the disk behind everyone's back: durable at once, no log, no faults, any alignment.
  void Poke(uint64_t offset, Bytes data);
  std::vector<uint8_t> Peek(uint64_t offset, uint64_t count) const;
  // A copy of what reads see now.
  SparseImage Snapshot() const;
  void FillRandom(Range range, uint64_t seed);

  FakeBlockDevice(const FakeBlockDevice& other);
  FakeBlockDevice& operator=(const FakeBlockDevice&) = delete;

 private:
  struct PendingWrite {
    Range range;
    SparseImage image;  // what was written there
  };
  struct PlannedFault {
    Kind kind;
    uint64_t n;  // operations of that kind that still run before it
    Fault fault;
  };

  // The fault planned for the operation of this kind that begins now, if any.
  std::optional<Fault> TakeFault(Kind kind) const;
  void Apply(uint64_t offset, Bytes data);
  // The parts of `unit` bytes for which `survives()`, asked for each in order.
  template <typename Survives>
  void MakeDurable(const PendingWrite& write, uint64_t unit, Survives survives);

  uint64_t size_ = 0;
  uint32_t logical_block_size_ = 512;
  SparseImage current_;
  SparseImage durable_;
  std::vector<PendingWrite> pending_;
  mutable std::vector<Operation> log_;
  mutable std::vector<PlannedFault> faults_;
  std::vector<Range> bad_ranges_;
  bool keep_data_ = true;
  bool flush_lies_ = false;
  PowerSwitch* power_ = nullptr;
  mutable std::mutex lock_;
};

}  // namespace crashdump
