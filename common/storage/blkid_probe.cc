// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/blkid_probe.h"

#include <blkid/blkid.h>

#include <cerrno>
#include <memory>

namespace crashdump {
namespace {

// What blkid_do_safeprobe() returns.
constexpr int kProbeFound = 0;
constexpr int kProbeFailed = -1;

struct FreeProbe {
  void operator()(blkid_probe probe) const { blkid_free_probe(probe); }
};
using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, FreeProbe>;

Result<Probe> MakeProbe(int fd) {
  Probe probe(blkid_new_probe());
  if (probe == nullptr) return Error::Format(ErrorCode::kNoSpace, "no memory for libblkid");
  errno = 0;
  if (blkid_probe_set_device(probe.get(), fd, 0, 0) != 0) return Error::Os(errno, "libblkid: device");
  return probe;
}

std::string Value(blkid_probe probe, const char* name) {
  const char* value = nullptr;
  if (blkid_probe_lookup_value(probe, name, &value, nullptr) != 0 || value == nullptr) return {};
  return value;
}

}  // namespace

Result<std::optional<FoundSwap>> ProbeSwap(int fd) {
  const Probe probe = TRY(MakeProbe(fd));
  (void)blkid_probe_enable_superblocks(probe.get(), 1);
  (void)blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID);
  (void)blkid_probe_enable_partitions(probe.get(), 0);
  errno = 0;
  // "safe": goes through all signatures, and gives nothing if they contradict one another.
  const int status = blkid_do_safeprobe(probe.get());
  if (status == kProbeFailed) return Error::Os(errno != 0 ? errno : EIO, "libblkid");
  if (status != kProbeFound) return std::optional<FoundSwap>();
  FoundSwap found;
  found.type = Value(probe.get(), "TYPE");
  if (found.type != "swap" && found.type != "swsuspend") return std::optional<FoundSwap>();
  const Result<Uuid> uuid = ParseUuid(Value(probe.get(), "UUID"));
  if (!uuid.ok()) return std::optional<FoundSwap>();
  found.uuid = uuid.value();
  return std::optional<FoundSwap>(std::move(found));
}

Result<std::string> ProbePartitionUuid(int disk_fd, uint64_t start_sector) {
  const Probe probe = TRY(MakeProbe(disk_fd));
  (void)blkid_probe_enable_superblocks(probe.get(), 0);
  (void)blkid_probe_enable_partitions(probe.get(), 1);
  auto* const partitions = blkid_probe_get_partitions(probe.get());
  if (partitions == nullptr) return std::string();
  const int count = blkid_partlist_numof_partitions(partitions);
  for (int i = 0; i < count; ++i) {
    auto* const partition = blkid_partlist_get_partition(partitions, i);
    if (partition == nullptr) continue;
    // libblkid counts in 512-byte sectors whatever the disk's blocks are. An extended partition is no device that
    // holds anything.
    if (static_cast<uint64_t>(blkid_partition_get_start(partition)) != start_sector) continue;
    const char* const uuid = blkid_partition_get_uuid(partition);
    return std::string(uuid == nullptr ? "" : uuid);
  }
  return std::string();
}

}  // namespace crashdump
