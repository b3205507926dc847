// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/collector.h"

#include <algorithm>

#include "common/base/parse.h"
#include "common/base/range_source.h"
#include "common/storage/device_hints.h"

namespace crashdump {
namespace {

std::string Describe(const KeyRecord& record) { return "arming " + ToHex(Bytes(record.credentials.key_id).first(6)); }

std::string Describe(const Published& published) {
  const DumpInfo& info = published.info;
  std::string text = published.name + ": " + info.state;
  if (!info.reason.empty()) text += " (" + info.reason + ")";
  switch (info.vmcore) {
    case VmcoreFile::kPresent:
      text += ", messages and " + FormatSize(info.data_pages * info.page_bytes) + " of memory";
      break;
    case VmcoreFile::kPending:
      text += ", messages only: no room for " + FormatSize(info.data_pages * info.page_bytes) +
              " of memory, which stays in the region; make room and run \"crashdump recover\" again";
      break;
    case VmcoreFile::kNone:
      text += ", messages only";
      break;
  }
  return text;
}

}  // namespace

void Collector::Note(RecoverNote::Kind kind, std::string text) { notes_.push_back({kind, std::move(text)}); }

Result<std::vector<RecoverNote>> Collector::Run() {
  notes_.clear();
  KeyStore::Contents contents = TRY(keys_.ReadAll(), "key records");
  for (const KeyStore::Damaged& damaged : contents.damaged) {
    Note(RecoverNote::Kind::kFailed, "key record " + damaged.name + ": " + damaged.error.text() +
                                         ": dumps under this key cannot be recovered while it is so");
  }
  for (KeyRecord& record : contents.records) Recover(record);
  return std::move(notes_);
}

void Collector::Recover(KeyRecord& record) {
  const Result<DeviceHints> hints = ParseHints(record.hints);
  if (!hints.ok()) {
    Note(RecoverNote::Kind::kFailed, Describe(record) + ": " + hints.error().text());
    return;
  }
  // Where the region was recorded, on every device that reaches so far: a disk that moved, or lost its swap header, may
  // still hold the dump, and authentication decides. The recorded device comes first, for the case that somebody has
  // cloned the disk.
  std::vector<const RecoverDevice*> candidates;
  for (const RecoverDevice& device : devices_) {
    if (device.source->size() >= hints.value().region.end) candidates.push_back(&device);
  }
  std::stable_partition(candidates.begin(), candidates.end(),
                        [&](const RecoverDevice* device) { return SameDevice(hints.value(), device->identity); });

  const bool recorded_is_present = !candidates.empty() && SameDevice(hints.value(), candidates.front()->identity);
  for (const RecoverDevice* device : candidates) {
    const RangeSource region(*device->source, hints.value().region);
    const std::unique_ptr<RegionDumps> dumps = make_dumps_(region, record);
    const AttemptStates states = dumps->Inspect();
    for (uint32_t attempt = 1; attempt <= kAttempts; ++attempt) {
      if (states[attempt - 1] == AttemptState::kUnrecovered) RecoverAttempt(record, attempt, *dumps);
      if (states[attempt - 1] == AttemptState::kUnknown && device == candidates.front() && recorded_is_present) {
        Note(RecoverNote::Kind::kFailed,
             Describe(record) + ": " + device->identity.name + ": the header of attempt " + std::to_string(attempt) +
                 " could not be read, or contradicts the key record: whether there is a dump is not known");
      }
    }
  }
}

Result<> Collector::DeleteDeadKeys(const BootFacts& boot) {
  const KeyStore::Contents contents = TRY(keys_.ReadAll(), "key records");
  Result<> result;
  for (const KeyRecord& record : contents.records) {
    const Result<DeviceHints> hints = ParseHints(record.hints);
    if (!hints.ok()) continue;
    const auto recorded = std::find_if(devices_.begin(), devices_.end(), [&hints](const RecoverDevice& device) {
      return device.source->size() >= hints.value().region.end && SameDevice(hints.value(), device.identity);
    });
    AttemptStates states = kUnknownAttempts;
    if (recorded != devices_.end()) {
      const RangeSource region(*recorded->source, hints.value().region);
      states = make_dumps_(region, record)->Inspect();
    }
    if (!MayDeleteKey(record, states, boot)) continue;
    const Result<> removed = keys_.Remove(record.credentials.key_id);
    if (!removed.ok() && result.ok()) result = removed.error().Prefixed("%s", Describe(record).c_str());
  }
  return result;
}

void Collector::RecoverAttempt(KeyRecord& record, uint32_t attempt, RegionDumps& dumps) {
  const std::string where = Describe(record) + ", attempt " + std::to_string(attempt);
  const Result<std::unique_ptr<DumpSource>> source = dumps.Open(attempt);
  if (!source.ok()) {
    Note(RecoverNote::Kind::kFailed, where + ": " + source.error().text());
    return;
  }
  const DumpId attempt_id = source.value()->header().attempt_id;
  const Result<Published> published = publisher_.Publish(*source.value());
  if (!published.ok()) {
    Note(RecoverNote::Kind::kFailed, where + ": " + published.error().text() + ": the dump stays in the region");
    return;
  }
  const bool pending = published.value().info.vmcore == VmcoreFile::kPending;
  if (published.value().info.read_error) {
    Note(RecoverNote::Kind::kFailed, Describe(published.value()) +
                                         ": the disk could not be read to the end; what was read is published, and the "
                                         "dump stays in the region for another try");
    return;
  }
  if (pending) {
    Note(RecoverNote::Kind::kPending, Describe(published.value()));
    return;
  }
  const Result<> marked = keys_.MarkRecovered(record.credentials.key_id, attempt_id);
  if (!marked.ok()) {
    Note(RecoverNote::Kind::kFailed, where + ": " + marked.error().text());
    return;
  }
  record.recovered.push_back(attempt_id);
  Note(RecoverNote::Kind::kPublished, Describe(published.value()));
}

}  // namespace crashdump
