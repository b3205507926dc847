// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/target_proof.h"

#include <array>
#include <cinttypes>
#include <string>
#include <vector>

#include "common/base/parse.h"

namespace crashdump {
namespace {

Result<> CompareNumber(const char* fact, uint64_t recorded, uint64_t found) {
  if (recorded == found) return {};
  return Error::Format(ErrorCode::kRefused, "%s is %" PRIu64 ", recorded was %" PRIu64, fact, found, recorded);
}

// Text that a device gave, fit for a line on a console.
std::string Printable(const std::string& text) {
  if (text.empty()) return "none";
  std::string printable;
  for (const char c : text) printable += c >= ' ' && c <= '~' ? c : '?';
  return printable;
}

Result<> CompareText(const char* fact, const std::string& recorded, const std::string& found) {
  if (recorded.empty() || recorded == found) return {};
  return Error::Format(ErrorCode::kRefused, "%s is %s, recorded was %s", fact, Printable(found).c_str(),
                       Printable(recorded).c_str());
}

// The first digits are enough to tell two hashes apart.
std::string Short(const Hash& hash) { return ToHex(Bytes(hash).first(8)); }

Result<> CompareHash(const char* fact, const Hash& recorded, const Hash& found) {
  if (recorded == found) return {};
  return Error::Format(ErrorCode::kRefused, "%s has changed since load: hash is %s, recorded was %s", fact,
                       Short(found).c_str(), Short(recorded).c_str());
}

Result<> ProveIdentity(const TargetDevice& target, const BlockDevice& device, const DeviceIdentity& identity) {
  TRY(CompareNumber("device size", target.size, device.size()));
  TRY(CompareNumber("device size in sysfs", target.size, identity.size));
  TRY(CompareNumber("size of the whole disk", target.disk_size, identity.disk_size));
  TRY(CompareNumber("logical block size", target.logical_block_size, device.logical_block_size()));
  TRY(CompareNumber("logical block size in sysfs", target.logical_block_size, identity.logical_block_size));
  TRY(CompareNumber("start sector", target.start_sector, identity.start_sector));
  TRY(CompareText("PARTUUID", target.part_uuid, identity.part_uuid));
  TRY(CompareText("serial", target.serial, identity.serial));
  TRY(CompareText("model", target.model, identity.model));
  return CheckAcceptable(identity);
}

Result<> ProveSwap(const TargetDevice& target, const BlockDevice& device) {
  const SwapHeader header = TRY(ReadSwapHeader(device, target.page_size));
  if (header.uuid != target.swap_uuid) {
    return Error::Format(ErrorCode::kRefused, "swap UUID is %s, recorded was %s", FormatUuid(header.uuid).c_str(),
                         FormatUuid(target.swap_uuid).c_str());
  }
  TRY(CompareNumber("last_page of the swap", target.last_page, header.last_page));
  if (header.end() > target.region.begin) {
    return Error::Format(ErrorCode::kRefused, "the swap ends at %" PRIu64 ", behind the region's begin at %" PRIu64,
                         header.end(), target.region.begin);
  }
  return {};
}

Result<> ProveStamps(const TargetDevice& target, const Region& region, const BlockDevice& device) {
  const AlignedMemory buffer = TRY(AllocateAligned(kStampBytes));
  const MutableBytes stamp(buffer.get(), kStampBytes);
  TRY(device.ReadAt(region.DeviceOffset(region.start_stamp().begin), stamp), "start stamp");
  TRY(CompareHash("start stamp", target.start_stamp, Hash256(stamp)));
  TRY(device.ReadAt(region.DeviceOffset(region.end_stamp().begin), stamp), "end stamp");
  return CompareHash("end stamp", target.end_stamp, Hash256(stamp));
}

// In places that are kept for this description nobody else's dump may have got.
Result<> ProveKept(const TargetDescription& description, const Region& region, const BlockDevice& device) {
  if (!description.kept_samples) return {};
  const Hash found = TRY(HashSamples(device, region, description.extent()));
  return CompareHash("the place that is kept for this dump", *description.kept_samples, found);
}

Result<> ProveControlBlocks(const TargetDescription& description, const Region& region, const BlockDevice& device,
                            unsigned attempt) {
  const ControlHashes found = TRY(HashControlBlocks(device, region));
  for (unsigned slot = 0; slot < kSlotCount; ++slot) {
    for (unsigned owner = 1; owner <= kAttempts; ++owner) {
      const bool is_own = slot == description.slot;
      // Only of places that are kept it tells whether they are spent, and which boot has done that nobody knows.
      if (description.kept_samples ? !is_own : is_own && owner < attempt) continue;
      std::array<char, 64> fact{};
      (void)snprintf(fact.data(), fact.size(), "header or trailer of slot %u, attempt %u", slot, owner);
      TRY(CompareHash(fact.data(), description.device().control_blocks.at(slot).at(owner - 1),
                      found.at(slot).at(owner - 1)));
    }
  }
  return {};
}

}  // namespace

Result<> Prove(const TargetDescription& description, const BlockDevice& device, const DeviceIdentity& identity,
               unsigned attempt) {
  Require(description.devices.size() == 1 && attempt >= 1 && attempt <= kAttempts);
  const TargetDevice& target = description.device();
  const char* const name = identity.name.c_str();
  TRY(ProveIdentity(target, device, identity), "%s", name);
  TRY(ProveSwap(target, device), "%s", name);
  const Region region = TRY(Region::Create(target.region));
  TRY(ProveStamps(target, region, device), "%s", name);
  TRY(ProveControlBlocks(description, region, device, attempt), "%s", name);
  TRY(ProveKept(description, region, device), "%s", name);
  return {};
}

Result<size_t> ChooseTarget(const TargetDescription& description, std::span<const Candidate> candidates,
                            unsigned attempt) {
  Require(description.devices.size() == 1);
  const TargetDevice& target = description.device();
  if (candidates.empty()) {
    return Error::Format(ErrorCode::kNotFound, "no device has the swap UUID %s", FormatUuid(target.swap_uuid).c_str());
  }
  size_t chosen = 0;
  if (candidates.size() > 1) {
    if (target.serial.empty()) {
      return Error::Format(ErrorCode::kRefused,
                           "%zu devices have the swap UUID %s (%s, %s), and no serial was recorded to tell them apart",
                           candidates.size(), FormatUuid(target.swap_uuid).c_str(),
                           candidates[0].identity->name.c_str(), candidates[1].identity->name.c_str());
    }
    size_t fitting = 0;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (candidates[i].identity->serial != target.serial) continue;
      chosen = i;
      ++fitting;
    }
    if (fitting != 1) {
      return Error::Format(
          ErrorCode::kRefused, "%zu devices have the swap UUID %s (%s, %s), and %zu of them the recorded serial %s",
          candidates.size(), FormatUuid(target.swap_uuid).c_str(), candidates[0].identity->name.c_str(),
          candidates[1].identity->name.c_str(), fitting, Printable(target.serial).c_str());
    }
  }
  TRY(Prove(description, *candidates[chosen].device, *candidates[chosen].identity, attempt));
  return chosen;
}

}  // namespace crashdump
