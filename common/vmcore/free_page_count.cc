// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/free_page_count.h"

#include <cinttypes>

#include "common/vmcore/kernel_nodes.h"

namespace crashdump {
namespace {

using Kind = VmcoreinfoKind;
using Presence = VmcoreinfoField::Presence;

constexpr uint64_t kMaxZones = 16;

}  // namespace

Result<uint64_t> CountedFreePages(const KernelMemory& kernel) {
  uint64_t zones_at = 0, zone_count_at = 0, zone_bytes = 0, counters_at = 0, counter = 0;
  TRY(kernel.vmcoreinfo().Fill({
      {Kind::kOffset, "pglist_data.node_zones", &zones_at, Presence::kRequired, kMaxNodeBytes},
      {Kind::kOffset, "pglist_data.nr_zones", &zone_count_at, Presence::kRequired, kMaxNodeBytes},
      {Kind::kSize, "zone", &zone_bytes, Presence::kRequired, kMaxNodeBytes},
      {Kind::kOffset, "zone.vm_stat", &counters_at, Presence::kRequired, kMaxNodeBytes},
      {Kind::kNumber, "NR_FREE_PAGES", &counter, Presence::kRequired, 256},
  }));
  const uint64_t word = kernel.format().word_bytes();
  uint64_t sum = 0;
  for (const uint64_t node : TRY(KernelNodes(kernel))) {
    const uint64_t zones = TRY(kernel.ReadInteger(node + zone_count_at, 4), "number of zones");
    if (zones > kMaxZones) {
      return Error::Format(ErrorCode::kCorrupt, "node at 0x%" PRIx64 " has %" PRIu64 " zones", node, zones);
    }
    for (uint64_t zone = 0; zone < zones; ++zone) {
      const uint64_t place = node + zones_at + zone * zone_bytes + counters_at + counter * word;
      sum += TRY(kernel.ReadWord(place), "zone's counter");
    }
  }
  return sum;
}

}  // namespace crashdump
