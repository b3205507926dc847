// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/collector.h"

#include <algorithm>

#include "common/base/parse.h"
#include "common/base/range_source.h"
#include "common/storage/device_hints.h"

namespace crashdump {
namespace {

std::string Describe(const KeyRecord& record) { return "arming " + ToHex(Bytes(record.credentials.key_id).first(6)); }

std::string NameAndState(const Published& published) {
  std::string text = published.name + ": " + published.info.state;
  if (!published.info.reason.empty()) text += " (" + published.info.reason + ")";
  return text;
}

std::string MemoryOf(const DumpInfo& info) { return FormatSize(info.data_pages * info.page_bytes) + " of memory"; }

std::string Describe(const Published& published) {
  const DumpInfo& info = published.info;
  std::string text = NameAndState(published);
  const std::string memory = MemoryOf(info);
  switch (info.vmcore) {
    case VmcoreFile::kPresent:
      text += ", messages and " + memory;
      break;
    case VmcoreFile::kPending:
      text += ", messages only: ";
      text += info.vmcore_error.empty()
                  ? "no room for " + memory + ", which stays in the region; make room and run"
                  : memory + " stays in the region, because writing it failed (" + info.vmcore_error +
                        "); to give it up, \"crashdump prepare " + "--discard-dumps\"; to try it once more, run";
      text += " \"crashdump recover\" again";
      break;
    case VmcoreFile::kNone:
      text += ", messages only";
      break;
  }
  return text;
}

std::string DescribePreview(const Published& published) {
  const DumpInfo& info = published.info;
  std::string text = NameAndState(published);
  const std::string memory = MemoryOf(info);
  if (!info.vmcore_error.empty()) text += " (" + info.vmcore_error + ")";
  if (!published.is_new && info.vmcore == VmcoreFile::kPending) {
    return text + ": its messages are published, and its " + memory + " cannot be yet";
  }
  if (!published.is_new && info.read_error) {
    return text + ": what can be read of it is published, and the disk cannot be read to its end";
  }
  if (!published.is_new) return text + ": is published, and would be recorded as recovered";
  text += ": would be published: messages";
  if (info.vmcore == VmcoreFile::kPresent) {
    text += " and " + memory + ", " + info.vmcore_format + ", about " + FormatSize(info.vmcore_bytes);
  } else if (info.vmcore == VmcoreFile::kPending && info.vmcore_error.empty()) {
    text += "; no room for its " + memory + ", which takes about " + FormatSize(info.vmcore_bytes);
  }
  return text;
}

}  // namespace

void Collector::Note(RecoverNote::Kind kind, std::string text, std::string dump, uint64_t bytes_to_come) {
  notes_.push_back({kind, std::move(text), std::move(dump), bytes_to_come});
}

Result<std::vector<RecoverNote>> Collector::Run() { return ForEachDump(&Collector::RecoverAttempt); }

Result<std::vector<RecoverNote>> Collector::Preview() { return ForEachDump(&Collector::PreviewAttempt); }

Result<std::vector<RecoverNote>> Collector::ForEachDump(AttemptAction action) {
  notes_.clear();
  // One after the other: whatever reads a dump has the keys of this one only.
  const auto damaged =
      TRY(keys_.ForEach([this, action](KeyRecord& record) { ForEachAttempt(record, action); }), "key records");
  for (const KeyStore::Damaged& each : damaged) {
    Note(RecoverNote::Kind::kFailed,
         std::string(each.error.text()) + ": dumps under this key cannot be recovered while it is so");
  }
  return std::move(notes_);
}

void Collector::ForEachAttempt(KeyRecord& record, AttemptAction action) {
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
    const std::unique_ptr<RegionDumps> dumps = make_dumps_(*device, region, record);
    const Result<AttemptStates> inspected = dumps->Inspect();
    if (!inspected.ok()) {
      Note(RecoverNote::Kind::kFailed, Describe(record) + ": " + device->identity.name + ": " +
                                           inspected.error().text() + ": whether there is a dump is not known");
      continue;
    }
    const AttemptStates& states = inspected.value();
    for (uint32_t attempt = 1; attempt <= kAttempts; ++attempt) {
      if (states[attempt - 1] == AttemptState::kUnrecovered) {
        const std::string where = Describe(record) + ", attempt " + std::to_string(attempt);
        const Result<std::unique_ptr<DumpSource>> source = dumps->Open(attempt);
        if (source.ok()) {
          (this->*action)(record, where, *source.value());
        } else {
          Note(RecoverNote::Kind::kFailed, where + ": " + source.error().text());
        }
      }
      if (states[attempt - 1] == AttemptState::kUnknown && device == candidates.front() && recorded_is_present) {
        Note(RecoverNote::Kind::kFailed,
             Describe(record) + ": " + device->identity.name + ": the header of attempt " + std::to_string(attempt) +
                 " could not be read, or contradicts the key record: whether there is a dump is not known");
      }
    }
  }
}

Result<> Collector::DeleteDeadKeys(const BootFacts& boot) {
  Result<> result;
  const auto delete_if_dead = [&](KeyRecord& record) {
    const Result<DeviceHints> hints = ParseHints(record.hints);
    if (!hints.ok()) return;
    const auto recorded = std::find_if(devices_.begin(), devices_.end(), [&hints](const RecoverDevice& device) {
      return device.source->size() >= hints.value().region.end && SameDevice(hints.value(), device.identity);
    });
    AttemptStates states = kUnknownAttempts;
    if (recorded != devices_.end()) {
      const RangeSource region(*recorded->source, hints.value().region);
      const Result<AttemptStates> inspected = make_dumps_(*recorded, region, record)->Inspect();
      if (inspected.ok()) states = inspected.value();
    }
    if (!MayDeleteKey(record, states, boot)) return;
    const Result<> removed = keys_.Remove(record.credentials.key_id);
    if (!removed.ok() && result.ok()) result = removed.error().Prefixed("%s", Describe(record).c_str());
  };
  TRY(keys_.ForEach(delete_if_dead), "key records");
  return result;
}

void Collector::RecoverAttempt(KeyRecord& record, const std::string& where, DumpSource& dump) {
  const DumpId attempt_id = dump.header().attempt_id;
  const Result<Published> published = publisher_.Publish(dump, record.credentials.key_id);
  if (!published.ok()) {
    Note(RecoverNote::Kind::kFailed, where + ": " + published.error().text() + ": the dump stays in the region");
    return;
  }
  const std::string& name = published.value().name;
  const bool pending = published.value().info.vmcore == VmcoreFile::kPending;
  if (pending && !published.value().info.vmcore_error.empty()) {
    Note(RecoverNote::Kind::kFailed, Describe(published.value()), name);
    return;
  }
  if (published.value().info.read_error) {
    const char* const rest =
        ": the disk could not be read to the end; what was read is published, and the dump stays in the region for "
        "another try";
    Note(RecoverNote::Kind::kFailed, Describe(published.value()) + rest, name);
    return;
  }
  if (pending) {
    Note(RecoverNote::Kind::kPending, Describe(published.value()), name);
    return;
  }
  const Result<> marked = keys_.MarkRecovered(record.credentials.key_id, attempt_id);
  if (!marked.ok()) {
    Note(RecoverNote::Kind::kFailed, where + ": " + marked.error().text(), name);
    return;
  }
  record.recovered.push_back(attempt_id);
  Note(RecoverNote::Kind::kPublished, Describe(published.value()), name);
}

void Collector::PreviewAttempt(KeyRecord& record, const std::string& where, DumpSource& dump) {
  const Result<Published> preview = publisher_.Preview(dump, record.credentials.key_id);
  if (!preview.ok()) {
    Note(RecoverNote::Kind::kFailed, where + ": " + preview.error().text());
    return;
  }
  const DumpInfo& info = preview.value().info;
  const bool waits = !preview.value().is_new && info.vmcore == VmcoreFile::kPending;
  const bool comes = preview.value().is_new && info.vmcore == VmcoreFile::kPresent;
  // As the real run will say.
  const bool fails = info.read_error || !info.vmcore_error.empty();
  Note(fails   ? RecoverNote::Kind::kFailed
       : waits ? RecoverNote::Kind::kPending
               : RecoverNote::Kind::kFound,
       DescribePreview(preview.value()), preview.value().name, comes ? info.vmcore_bytes : 0);
}

}  // namespace crashdump
