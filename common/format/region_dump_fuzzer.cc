// SPDX-License-Identifier: GPL-2.0-or-later
// What somebody without the keys may do to a dump in its region, or swap may leave of it: the input overwrites bytes of
// a good one, {offset (24 bits), count, value} each, or moves objects. Whatever is read from it is what was written, in
// the order of writing.
// Fuzzes: object.cc object_walk.cc dump_reader.cc key_policy.cc
#include <algorithm>
#include <vector>

#include "common/format/dump_reader.h"
#include "common/format/key_policy.h"
#include "common/testing/dump_builder.h"
#include "common/testing/fuzzer.h"

namespace crashdump {
namespace {

constexpr size_t kChangeBytes = 5;

struct Original {
  DumpPlan plan = RegionPlan(30, 64 * kDiskUnit);
  KeyRecord record;
  std::vector<uint8_t> region;
  std::vector<size_t> used;  // offsets worth changing: what is not far from an object
  DumpId attempt_id{};

  Original() {
    plan.pages_per_chunk = 8;
    plan.parameters.attempt_id.fill(0x17);
    attempt_id = plan.parameters.attempt_id;
    region = BuildDump(plan);
    record.credentials = plan.credentials.Copy();
    record.extent = {kDiskUnit, kDiskUnit + 64 * kDiskUnit};
    record.slot_offset = record.extent.end;
    record.boot_id = "boot";
    // The slot's whole MiB, of which the dump wrote the beginning.
    region.resize(static_cast<size_t>(record.slot_offset + kMiB));
    for (size_t i = 0; i < region.size(); ++i) {
      if (region[i] != 0) used.push_back(i);
    }
  }
};

const Original& TheOriginal() {
  static const Original original;
  return original;
}

std::vector<uint8_t> Changed(const Original& original, Bytes changes) {
  std::vector<uint8_t> region = original.region;
  for (; changes.size() >= kChangeBytes; changes = changes.subspan(kChangeBytes)) {
    const size_t index = changes[0] + size_t{256} * changes[1] + size_t{65536} * changes[2];
    const size_t offset = original.used[index % original.used.size()];
    const uint8_t count = changes[3];
    if (count < 0x80) {
      const size_t end = std::min(region.size(), offset + count + 1);
      std::fill(region.begin() + static_cast<ptrdiff_t>(offset), region.begin() + static_cast<ptrdiff_t>(end),
                changes[4]);
    } else {
      // A block is copied from elsewhere.
      const size_t from = kDiskUnit * (changes[4] % (region.size() / kDiskUnit));
      const size_t to = offset / kDiskUnit * kDiskUnit;
      std::copy_n(original.region.begin() + static_cast<ptrdiff_t>(from), kDiskUnit,
                  region.begin() + static_cast<ptrdiff_t>(to));
    }
  }
  return region;
}

void Check(const Original& original, const std::vector<uint8_t>& region) {
  const MemorySource source(region);
  const AttemptStates states = InspectAttempts(source, original.record);
  Result<DumpReader> dump = DumpReader::Open(source, original.record.Layout(1), original.record.credentials);
  Require((states[0] == AttemptState::kUnrecovered) == dump.ok() && states[1] != AttemptState::kUnrecovered);
  if (!dump.ok()) return;
  Require(dump.value().header().attempt_id == original.attempt_id);
  CollectingVisitor visitor;
  const DumpVerdict verdict = dump.value().Walk(visitor).TakeValue();
  Require(visitor.PagesAreRight(original.plan));
  Require(verdict.state != DumpState::kComplete ||
          visitor.page_count() == verdict.data_pages + verdict.zero_pages + verdict.unreadable_pages);
  Require(original.plan.messages.starts_with(visitor.section(ObjectType::kMessages)));
  Require(original.plan.vmcoreinfo.starts_with(visitor.section(ObjectType::kVmcoreinfo)));
  // A dump that is as good as it was has all there was.
  if (verdict.state == DumpState::kComplete) Require(visitor.section(ObjectType::kMessages) == original.plan.messages);
  if (!dump.value().LoadIndex().ok()) return;
  std::vector<uint8_t> page(original.plan.parameters.page_bytes);
  for (const PlannedPages& run : original.plan.pages) {
    const Result<PageState> state = dump.value().ReadPage(run.first_pfn, page);
    if (!state.ok() || state.value() == PageState::kAbsent) continue;
    Require(state.value() == (run.kind == PageKind::kData ? PageState::kData : PageState::kZero));
    if (run.kind == PageKind::kData) Require(Equal(page, TestPage(run.first_pfn, original.plan.parameters.page_bytes)));
  }
}

void Run(Bytes input) {
  static const bool ready = InitializeCrypto().ok();
  Require(ready);
  Check(TheOriginal(), Changed(TheOriginal(), input));
}

std::vector<testing::FuzzerInput> Seeds() {
  return {{}, {0, 0, 0, 0, 0}, {0x40, 0, 0, 3, 0xff}, {0, 0x10, 0, 0x80, 5, 0, 0x20, 0, 0x80, 7}};
}

const testing::Fuzzer fuzzer("region_dump", Run, Seeds);

}  // namespace
}  // namespace crashdump
