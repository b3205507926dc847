// SPDX-License-Identifier: GPL-2.0-or-later
// RegionPreparer: takes the upper end of a swap out of use for a region, takes a region over, or gives it back. Plans
// first, without a write; carries out in the one order that leaves a usable swap wherever the power fails, and that a
// second run completes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/format/key_store.h"
#include "common/storage/block_device.h"
#include "common/storage/device_identity.h"
#include "common/storage/region_store.h"
#include "common/storage/stamp.h"
#include "common/storage/swap_header.h"
#include "common/storage/uuid.h"

namespace crashdump {

enum class PrepareAction : uint8_t {
  kPrepare,  // a region, unless there is one
  kAdopt,    // a new id for the region that is there, so that every other installation refuses it
  kUndo,     // the swap as it was
};

enum class UnrecoveredDumps : uint8_t { kRefuse, kDiscard };

struct PrepareRequest {
  PrepareAction action = PrepareAction::kPrepare;
  UnrecoveredDumps unrecovered = UnrecoveredDumps::kRefuse;
  Uuid swap_uuid{};
  DeviceIdentity identity;          // of the swap's device
  uint32_t page_size = 0;           // of the running kernel
  uint64_t ram_bytes = 0;           // for the automatic size
  std::optional<uint64_t> reserve;  // bytes; empty: automatic
};

enum class PrepareChange : uint8_t { kNone, kCreate, kAdopt, kUndo };

struct PreparePlan {
  PrepareChange change = PrepareChange::kNone;
  // kCreate, kAdopt: of the region as it will be. kUndo, kNone: as it is; kNone of an undo has none.
  std::optional<Stamp> stamp;
  uint32_t page_size = 0;
  uint32_t last_page_now = 0;
  uint32_t last_page_then = 0;
  std::vector<RegionId> former_regions;    // every region of this swap, known here or found on it, before the change
  std::vector<DumpId> discarded_keys;      // records whose unrecovered dumps are given up
  std::vector<DumpId> spent_keys;          // of an undo: records under which no dump waits, or will ever be
  std::vector<RegionId> obsolete_regions;  // region records that nothing needs any more

  // Bytes that swap uses: before and after.
  uint64_t swap_now() const { return (uint64_t{last_page_now} + 1) * page_size; }
  uint64_t swap_then() const { return (uint64_t{last_page_then} + 1) * page_size; }
};

class RegionPreparer {
 public:
  // The stores must outlive it.
  RegionPreparer(RegionStore& regions, KeyStore& keys) : regions_(regions), keys_(keys) {}

  // Decides what is to be done; reads only. Errors: what ReadSwapHeader() refuses; kRefused while a dump that has not
  // been recovered may be on this device, for a region of another installation, or for a size that does not fit.
  Result<PreparePlan> Plan(const BlockDevice& device, const PrepareRequest& request) const;

  // Carries the plan out. `device` is the one it was made for, opened exclusively before Plan() and not closed since.
  Result<> Execute(BlockDevice& device, const PrepareRequest& request, const PreparePlan& plan);

 private:
  struct Situation;
  Result<Situation> Examine(const BlockDevice& device, const PrepareRequest& request) const;
  Result<PreparePlan> PlanPrepare(const Situation& situation, const BlockDevice& device,
                                  const PrepareRequest& request) const;
  Result<PreparePlan> PlanAdopt(const Situation& situation, const BlockDevice& device) const;
  Result<PreparePlan> PlanUndo(const Situation& situation, const BlockDevice& device) const;
  Result<> AddRecords(const Situation& situation, const BlockDevice& device, const PrepareRequest& request,
                      PreparePlan& plan) const;

  RegionStore& regions_;
  KeyStore& keys_;
};

}  // namespace crashdump
