// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/key_policy.h"

#include <algorithm>

#include "common/format/dump_reader.h"

namespace crashdump {
namespace {

AttemptState InspectAttempt(const ByteSource& region, const KeyRecord& record, uint32_t attempt) {
  const DumpLayout layout = record.Layout(attempt);
  // To a reader of dumps nothing is at a place that is not there; but a device without the place is not the recorded
  // one.
  if (layout.header + kDiskUnit > region.size()) return AttemptState::kUnknown;
  const Result<DumpReader> dump = DumpReader::Open(region, layout, record.credentials);
  if (dump.ok()) {
    return record.IsRecovered(dump.value().header().attempt_id) ? AttemptState::kRecovered : AttemptState::kUnrecovered;
  }
  return dump.error().code() == ErrorCode::kNotFound ? AttemptState::kAbsent : AttemptState::kUnknown;
}

}  // namespace

AttemptStates InspectAttempts(const ByteSource& region, const KeyRecord& record) {
  return {InspectAttempt(region, record, 1), InspectAttempt(region, record, 2)};
}

bool MayHoldDump(const AttemptStates& attempts) {
  return std::any_of(attempts.begin(), attempts.end(), [](AttemptState state) {
    return state == AttemptState::kUnrecovered || state == AttemptState::kUnknown;
  });
}

bool MayDeleteKey(const KeyRecord& record, const AttemptStates& attempts, const BootFacts& boot) {
  if (boot.loaded_key == record.credentials.key_id || IsReserved(record)) return false;
  const bool all_recovered = record.recovered.size() >= kAttempts;
  if (all_recovered && std::none_of(attempts.begin(), attempts.end(),
                                    [](AttemptState state) { return state == AttemptState::kUnrecovered; })) {
    return true;
  }
  const bool cannot_run = record.boot_id != boot.boot_id || boot.loaded_key.has_value();
  return cannot_run && !MayHoldDump(attempts);
}

}  // namespace crashdump
