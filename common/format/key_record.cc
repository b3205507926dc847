// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/key_record.h"

#include <algorithm>
#include <cinttypes>
#include <optional>

#include "common/base/parse.h"
#include "common/base/text_record.h"

namespace crashdump {
namespace {

// First line of each text: what it is, and the version of its own form.
constexpr const char* kRecordForm = "key-record-1";
constexpr const char* kArmingForm = "arming-1";
constexpr std::string_view kHintPrefix = "hint.";
constexpr size_t kIdentifierBytes = 64;

// A UUID as the kernel or libblkid prints it: what follows from it goes into messages and comparisons.
bool IsIdentifier(std::string_view text) {
  return !text.empty() && text.size() <= kIdentifierBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

bool IsHintName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.';
  });
}

// A serial number may hold anything; in a line of text it must not end the line.
std::string HintText(std::string_view value) {
  std::string text(value);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return std::string(TrimSpace(text));
}

// Each of `required` once, `repeated` and hints any number of times, nothing else: a line that this version does not
// understand could change what the others mean.
Result<> CheckKeys(const TextRecord& text, std::span<const std::string_view> required, std::string_view repeated) {
  for (const auto& [name, value] : text.lines()) {
    if (name == repeated || (!repeated.empty() && std::string_view(name).starts_with(kHintPrefix))) continue;
    if (std::find(required.begin(), required.end(), name) == required.end()) {
      return Error::Format(ErrorCode::kCorrupt, "\"%.64s\" is not known", name.c_str());
    }
  }
  for (const std::string_view name : required) {
    const size_t count = text.FindAll(name).size();
    if (count == 1) continue;
    return Error::Format(count == 0 ? ErrorCode::kNotFound : ErrorCode::kCorrupt, "\"%.*s\" stands there %zu times",
                         static_cast<int>(name.size()), name.data(), count);
  }
  return {};
}

Result<> CheckForm(const TextRecord& text, std::string_view form) {
  const std::string_view found = TRY(text.Text("form"));
  if (found == form) return {};
  return Error::Format(ErrorCode::kUnsupported, "form \"%.*s\", wanted \"%.*s\"",
                       static_cast<int>(std::min<size_t>(found.size(), 64)), found.data(),
                       static_cast<int>(form.size()), form.data());
}

Result<DumpId> ParseId(std::string_view hex) {
  DumpId id{};
  TRY(ParseHex(hex, id));
  return id;
}

// Which of two texts: what stays, and what travels to the capture kernel. Of sealed keys neither has all.
enum class Holder : uint8_t { kRecord, kArming };

void AddCredentials(TextRecord& text, const DumpCredentials& credentials, Holder holder) {
  const bool is_sealed = credentials.kind == KeyKind::kSealed;
  text.AddNumber("dump_version", credentials.version);
  text.Add("kind", KeyKindName(credentials.kind));
  text.AddHex("region_id", credentials.region_id);
  text.AddHex("key_id", credentials.key_id);
  text.AddHex("authentication_key", credentials.authentication_key.bytes());
  if (is_sealed && holder == Holder::kRecord) {
    text.AddHex("private_key", credentials.private_key.bytes());
    return;
  }
  text.AddHex("encryption_key", credentials.encryption_key.bytes());
  if (is_sealed) text.AddHex("sealed_key", credentials.sealed_key);
}

// Kind none never: a dump without keys on a disk can be anybody's.
Result<KeyKind> ParseKind(const TextRecord& text) {
  const std::string_view name = TRY(text.Text("kind"));
  for (const KeyKind kind : {KeyKind::kPlainFile, KeyKind::kSealed}) {
    if (name == KeyKindName(kind)) return kind;
  }
  return Error::Format(ErrorCode::kUnsupported, "key kind \"%.*s\"",
                       static_cast<int>(std::min<size_t>(name.size(), 64)), name.data());
}

Result<DumpCredentials> ParseCredentials(const TextRecord& text, KeyKind kind, Holder holder) {
  DumpCredentials credentials;
  const uint64_t version = TRY(text.Number("dump_version"));
  if (version != kDumpVersion) {
    return Error::Format(ErrorCode::kUnsupported, "dump format version %" PRIu64 "; this program knows version %u",
                         version, unsigned{kDumpVersion});
  }
  credentials.kind = kind;
  TRY(text.Hex("region_id", credentials.region_id));
  TRY(text.Hex("key_id", credentials.key_id));
  TRY(text.Hex("authentication_key", credentials.authentication_key.mutable_bytes()));
  if (kind == KeyKind::kSealed && holder == Holder::kRecord) {
    TRY(text.Hex("private_key", credentials.private_key.mutable_bytes()));
    return credentials;
  }
  TRY(text.Hex("encryption_key", credentials.encryption_key.mutable_bytes()));
  if (kind == KeyKind::kSealed) TRY(text.Hex("sealed_key", credentials.sealed_key));
  return credentials;
}

void AddPlaces(TextRecord& text, uint64_t slot_offset, const Range& extent) {
  text.AddNumber("slot_offset", slot_offset);
  text.AddNumber("extent_begin", extent.begin);
  text.AddNumber("extent_end", extent.end);
}

Result<> ParsePlaces(const TextRecord& text, uint64_t& slot_offset, Range& extent) {
  slot_offset = TRY(text.Number("slot_offset"));
  extent.begin = TRY(text.Number("extent_begin"));
  extent.end = TRY(text.Number("extent_end"));
  if (slot_offset > kUnboundedEnd - kSlotBytes || extent.begin > extent.end) {
    return Error::Format(ErrorCode::kCorrupt, "slot at %" PRIu64 ", extent from %" PRIu64 " to %" PRIu64, slot_offset,
                         extent.begin, extent.end);
  }
  if (extent.Overlaps({slot_offset, slot_offset + kSlotBytes})) {
    return Error::Format(ErrorCode::kCorrupt, "the extent overlaps the slot at %" PRIu64, slot_offset);
  }
  for (uint32_t attempt = 1; attempt <= kAttempts; ++attempt) {
    TRY(CheckLayout(RegionSlotLayout(slot_offset, extent, attempt)));
  }
  return {};
}

// What each text must have, once.
std::vector<std::string_view> KeysOf(Holder holder, KeyKind kind) {
  std::vector<std::string_view> keys = {"form",        "dump_version", "kind",
                                        "region_id",   "key_id",       "authentication_key",
                                        "slot_offset", "extent_begin", "extent_end"};
  const bool is_sealed = kind == KeyKind::kSealed;
  if (holder == Holder::kRecord) {
    keys.insert(keys.end(), {"slot_index", "boot_id", "swap_uuid", "created"});
    keys.emplace_back(is_sealed ? "private_key" : "encryption_key");
  } else {
    keys.insert(keys.end(), {"seed", "encryption_key"});
    if (is_sealed) keys.emplace_back("sealed_key");
  }
  return keys;
}

}  // namespace

const char* KeyKindName(KeyKind kind) {
  switch (kind) {
    case KeyKind::kNone:
      return "none";
    case KeyKind::kPlainFile:
      return "plain-file";
    case KeyKind::kSealed:
      return "sealed";
  }
  return "unknown";
}

bool KeyRecord::IsRecovered(const DumpId& attempt_id) const {
  return std::find(recovered.begin(), recovered.end(), attempt_id) != recovered.end();
}

std::string KeyRecord::ToText() const {
  TextRecord text;
  text.Add("form", kRecordForm);
  AddCredentials(text, credentials, Holder::kRecord);
  text.AddNumber("slot_index", slot_index);
  AddPlaces(text, slot_offset, extent);
  text.Add("boot_id", boot_id);
  text.Add("swap_uuid", swap_uuid);
  text.AddNumber("created", created);
  for (const DumpId& id : recovered) text.AddHex("recovered", id);
  for (const auto& [name, value] : hints) {
    Require(IsHintName(name));
    text.Add(std::string(kHintPrefix) + name, HintText(value));
  }
  return text.ToString();
}

Result<KeyRecord> KeyRecord::Parse(std::string_view source) {
  const TextRecord text = TRY(TextRecord::Parse(source));
  TRY(CheckForm(text, kRecordForm));
  const KeyKind kind = TRY(ParseKind(text));
  TRY(CheckKeys(text, KeysOf(Holder::kRecord, kind), "recovered"));
  KeyRecord record;
  record.credentials = TRY(ParseCredentials(text, kind, Holder::kRecord));
  const uint64_t slot_index = TRY(text.Number("slot_index"));
  if (slot_index > UINT32_MAX) return Error::Format(ErrorCode::kCorrupt, "\"slot_index\" is %" PRIu64, slot_index);
  record.slot_index = static_cast<uint32_t>(slot_index);
  TRY(ParsePlaces(text, record.slot_offset, record.extent));
  record.boot_id = TRY(text.Text("boot_id"));
  record.swap_uuid = TRY(text.Text("swap_uuid"));
  if (!IsIdentifier(record.boot_id) || !IsIdentifier(record.swap_uuid)) {
    return Error::Format(ErrorCode::kCorrupt, "\"boot_id\" or \"swap_uuid\" is not an identifier");
  }
  record.created = TRY(text.Number("created"));
  for (const std::string_view hex : text.FindAll("recovered")) {
    const DumpId id = TRY(ParseId(hex), "\"recovered\"");
    record.recovered.push_back(id);
  }
  for (const auto& [name, value] : text.lines()) {
    if (!std::string_view(name).starts_with(kHintPrefix)) continue;
    const std::string hint = name.substr(kHintPrefix.size());
    if (!IsHintName(hint)) return Error::Format(ErrorCode::kCorrupt, "\"%.64s\" is not a name", name.c_str());
    record.hints.emplace_back(hint, value);
  }
  return record;
}

std::string KeyArming::ToText() const {
  TextRecord text;
  text.Add("form", kArmingForm);
  AddCredentials(text, credentials, Holder::kArming);
  AddPlaces(text, slot_offset, extent);
  text.AddHex("seed", seed.bytes());
  return text.ToString();
}

Result<KeyArming> KeyArming::Parse(std::string_view source) {
  const TextRecord text = TRY(TextRecord::Parse(source));
  TRY(CheckForm(text, kArmingForm));
  const KeyKind kind = TRY(ParseKind(text));
  TRY(CheckKeys(text, KeysOf(Holder::kArming, kind), ""));
  KeyArming arming;
  arming.credentials = TRY(ParseCredentials(text, kind, Holder::kArming));
  TRY(ParsePlaces(text, arming.slot_offset, arming.extent));
  TRY(text.Hex("seed", arming.seed.mutable_bytes()));
  return arming;
}

}  // namespace crashdump
